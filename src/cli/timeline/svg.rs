//! A timeline as one SVG file that needs nothing beside it, <https://www.w3.org/TR/SVG11/>.

use super::{Chart, length};
use std::fmt::Write;

const WIDTH: f64 = 1_000.0;
const LEFT: f64 = 200.0;
const RIGHT: f64 = 40.0;
const TOP: f64 = 44.0;
const ROW: f64 = 20.0;
/// Lines of the axis at most.
const TICKS: f64 = 10.0;

pub(super) fn draw(chart: &Chart<'_>) -> String {
    #[allow(clippy::cast_precision_loss)]
    let height = TOP + ROW * chart.spans.len() as f64 + 50.0;
    let end = chart.end.max(1e-3);
    let x = |moment: f64| LEFT + moment.clamp(0.0, end) / end * (WIDTH - LEFT - RIGHT);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>What the boot spent its time on</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let bottom = height - 40.0;
    let mut tick = 0.0;
    while tick <= end {
        let at = x(tick);
        // Writing to a string does not fail.
        let _ = writeln!(
            svg,
            "<line x1=\"{at:.1}\" y1=\"{:.1}\" x2=\"{at:.1}\" y2=\"{bottom:.1}\" stroke=\"#dddddd\"/>\
             <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666666\">{}</text>",
            TOP - 8.0,
            TOP - 14.0,
            length(tick),
        );
        tick += step(end);
    }
    for (number, span) in chart.spans.iter().enumerate() {
        #[allow(clippy::cast_precision_loss)]
        let y = TOP + ROW * number as f64;
        let critical = chart.critical.get(number).is_some_and(|critical| *critical);
        let (weight, fill) = if critical { ("bold", "#d9480f") } else { ("normal", "#4c78a8") };
        let name = escape(&span.service);
        let waited_for = span.waited_for.as_ref().map(|other| format!(", waited for {}", escape(other)));
        let ready = span.ready.map_or(escape(&span.state), |ready| format!("ready after {}", length(ready)));
        let _ = writeln!(
            svg,
            "<g><title>{name}: {ready}{}</title>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" font-weight=\"{weight}\">{name}</text>",
            waited_for.unwrap_or_default(),
            LEFT - 8.0,
            y + 14.0,
        );
        let mut bar = |from: f64, to: f64, fill: &str| {
            let (from, to) = (x(from), x(to));
            let _ = writeln!(
                svg,
                "<rect x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\"/>",
                y + 4.0,
                (to - from).max(1.0),
                ROW - 6.0,
            );
        };
        if let Some(waiting) = span.waiting {
            bar(waiting, span.started.or(span.ready).unwrap_or(end), "#e0e0e0");
        }
        if let Some(started) = span.started {
            bar(started, span.ready.unwrap_or(end), fill);
        }
        svg += "</g>\n";
    }
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT:.1}\" y=\"{:.1}\" fill=\"#666666\">grey: waiting; coloured: starting; bold and red: the critical \
         path</text>\n</svg>",
        height - 16.0,
    );
    svg
}

/// The distance of the lines of the axis: 1, 2 or 5 times a power of ten, so that there are at most ten.
fn step(end: f64) -> f64 {
    let rough = end / TICKS;
    let mut steps = (-3..18).flat_map(|exponent| [1.0, 2.0, 5.0].map(|factor| factor * 10f64.powi(exponent)));
    steps.find(|step| *step >= rough).unwrap_or(end)
}

/// What stands between the tags of XML.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            // XML knows no other control characters.
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::tests::timeline;
    use super::*;

    #[test]
    fn every_service_is_in_the_picture_and_the_critical_path_is_red() {
        let timeline = timeline();
        let svg = draw(&Chart::new(&timeline));
        assert_eq!(svg.matches("<g>").count(), 6);
        assert_eq!(svg.matches("font-weight=\"bold\"").count(), 3);
        assert_eq!(svg.matches("#d9480f").count(), 3);
        assert!(svg.contains("<title>web: ready after 2.00s, waited for db</title>"), "{svg}");
        assert!(svg.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn no_name_leaves_its_place() {
        let mut timeline = timeline();
        timeline.services[0].service = "</text><script>&\"\x1b".to_owned();
        let svg = draw(&Chart::new(&timeline));
        assert!(!svg.contains("<script>"));
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;&amp;&quot; "), "{svg}");
    }

    #[test]
    fn the_axis_has_a_few_lines_at_round_times() {
        assert_eq!([0.9, 10.0, 1_234.0, 60_000.0].map(step), [0.1, 1.0, 200.0, 10_000.0]);
    }
}
