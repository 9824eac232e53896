//! Claims about crontabs that run, under Debian's cron and under foster: the same users, variables, directories, input and
//! output.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use support::{Container, LONG, Setup, World, eventually, needs_servers, pause};

const CRON: (&str, &str) = ("cron", "cron");

/// Says who it is, where, with what, and what it reads; at last, that it has.
const JOB: &str = "#!/bin/bash
    name=$1
    {
        echo \"$*\"
        echo \"$(id -un):$(id -gn) $(id -Gn) in $PWD\"
        echo \"$HOME $LOGNAME $SHELL $PATH $A\"
        cat
    } > WORLD/out/$name.part 2>&1
    mv WORLD/out/$name.part WORLD/out/$name
    echo \"$name is done\"\n";

/// Once at boot, and once each minute; with words of bash, quotes, a percent sign and input.
const CRONTAB: &str = "SHELL=/bin/bash
    PATH=/opt/bin:/usr/bin:/bin
    HOME=/srv
    A = 'two  words'
    # What is there at boot.
    @reboot nobody WORLD/job boot 'a  b' 100\\%
    @reboot root WORLD/job input%first line%%last line
    * * * * * nobody [[ $A == two* ]] && cd / && WORLD/job minute {1..3}
    * * * * * root WORLD/job daily; exit 3
    0 0 1 1 * root WORLD/job never\n";

fn world() -> World {
    let world = World::new();
    world.file("job", JOB);
    world.file("etc/crontab", CRONTAB);
    // cron reads none that others may write, or that can be executed by them.
    fs::set_permissions(world.path().join("etc/crontab"), PermissionsExt::from_mode(0o644)).unwrap();
    fs::create_dir(world.path().join("out")).unwrap();
    fs::set_permissions(world.path().join("out"), PermissionsExt::from_mode(0o777)).unwrap();
    world
}

const JOBS: [&str; 4] = ["boot", "daily", "input", "minute"];

/// What the jobs have seen, once all of them have run; those of the minute run within one.
fn seen(world: &World, c: &Container) -> BTreeMap<String, String> {
    let out = world.path().join("out");
    let minute = Duration::from_secs(60) + LONG;
    let all = eventually(minute, || {
        pause(Duration::from_millis(50));
        JOBS.iter().all(|name| out.join(name).exists())
    });
    let found: BTreeMap<String, String> = fs::read_dir(&out)
        .unwrap()
        .flatten()
        .filter(|entry| !entry.path().to_string_lossy().ends_with(".part"))
        .map(|entry| {
            let text = fs::read_to_string(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), text.replace(world.path().to_str().unwrap(), "WORLD"))
        })
        .collect();
    c.check(all, &format!("not all jobs have run: {found:#?}"));
    found
}

const PLACE: &str = "mount -t tmpfs -o mode=755 run /run; mount -t tmpfs -o mode=755 srv /srv\n";

#[test]
fn a_crontab_does_the_same_under_cron_and_under_foster() {
    needs_servers!(CRON);
    let (before, after) = (world(), world());
    let crontab = after.fill("WORLD/etc/crontab");
    let mut foster = Setup::new().prelude(PLACE).arguments(&["run", "--import", "cron", &crontab]).start();
    let prelude = format!(
        "{PLACE}mount -t tmpfs -o mode=755 jobs /etc/cron.d; mount -t tmpfs -o mode=700 tables /var/spool/cron
         mkdir /var/spool/cron/crontabs; mount --bind WORLD/etc/crontab /etc/crontab; exec cron -f"
    );
    let cron = Setup::new().prelude(&before.fill(&prelude)).start();
    // Both wait for the same minute.
    let (before, after) = std::thread::scope(|scope| {
        let cron = scope.spawn(|| seen(&before, &cron));
        (cron.join().unwrap(), seen(&after, &foster))
    });
    foster.terminate();
    foster.expect_exit(0);
    assert_eq!(before, after);
    assert_eq!(after.keys().collect::<Vec<_>>(), JOBS);
    assert_eq!(
        after["input"].lines().skip(3).collect::<Vec<_>>(),
        ["first line", "", "last line"],
        "{after:#?}"
    );
    assert!(after["minute"].starts_with("minute 1 2 3\nnobody:nogroup nogroup in /\n"), "{after:#?}");
}
