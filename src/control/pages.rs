//! The pages that probes and Prometheus read: which there are, and in which format they are wanted. Nobody can change anything
//! by them.

use super::routes::decode;
use nix::errno::Errno;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Media type of a page for people.
pub const TEXT: &str = "text/plain; charset=utf-8";
/// Of one for programs.
pub const JSON: &str = "application/json";
/// Of figures as they were before OpenMetrics.
pub const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Of figures.
pub const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// `/`: which pages there are.
    Index,
    /// `/livez`: the supervisor works.
    Live,
    /// `/readyz`: all that is meant to be up is.
    Ready,
    /// `/startupz`: all was up at once, some time.
    Startup,
    /// `/healthz`: as `foster healthcheck` has it.
    Health,
    /// `/services/NAME`: one service, or all instances of one.
    Service(String),
    /// `/metrics`.
    Metrics,
}

/// How a page is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// As text: lines for people, or figures as Prometheus had them before OpenMetrics.
    Text,
    /// As JSON.
    Json,
    /// Figures as OpenMetrics.
    OpenMetrics,
}

/// What `/` shows.
pub const INDEX: &str = "\
/livez          200: the supervisor works
/readyz         200: every service that is meant to be up is ready and well; else 503, and which are not
/startupz       200: all of them have been ready; 503 before that
/healthz        as foster healthcheck has it
/services/NAME  200: this service, or all of its instances; else 503; 404: there is none
/metrics        figures for Prometheus
";

impl Page {
    /// The page at this path.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        Some(match path {
            "/" => Self::Index,
            "/livez" => Self::Live,
            "/readyz" => Self::Ready,
            "/startupz" => Self::Startup,
            "/healthz" => Self::Health,
            "/metrics" => Self::Metrics,
            _ => {
                let name = path.strip_prefix("/services/")?;
                Self::Service(decode(name))
            }
        })
    }
}

impl Format {
    /// The one that is wanted by these `Accept` fields. What is not known counts as text, as most who look at such pages do
    /// not care.
    #[must_use]
    pub fn wanted<'a>(page: &Page, mut accepted: impl Iterator<Item = &'a str>) -> Self {
        let (media, format) = match page {
            Page::Metrics => ("application/openmetrics-text", Self::OpenMetrics),
            _ => (JSON, Self::Json),
        };
        let named = |text: &str| {
            let media_of = |part: &str| part.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
            text.split(',').any(|part| media_of(part) == media)
        };
        if accepted.any(named) { format } else { Self::Text }
    }
}

/// A socket for the pages. Where all addresses are meant and there is no IPv6, all of IPv4 are.
///
/// # Errors
/// The address is not to be had.
pub fn bind_pages(address: SocketAddr) -> io::Result<TcpListener> {
    let none = [Errno::EAFNOSUPPORT as i32, Errno::EADDRNOTAVAIL as i32];
    let listener = match TcpListener::bind(address) {
        Err(error)
            if address.is_ipv6()
                && address.ip().is_unspecified()
                && error.raw_os_error().is_some_and(|errno| none.contains(&errno)) =>
        {
            TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port()))
        }
        bound => bound,
    }?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_that_is_listed_is_there() {
        for line in INDEX.lines() {
            let path = line.split(' ').next().unwrap();
            assert!(Page::at(path).is_some(), "{path}");
        }
        assert_eq!(Page::at("/services/worker%401"), Some(Page::Service("worker@1".to_owned())));
        for path in ["", "/livez/", "/v1/status", "//", "*"] {
            assert_eq!(Page::at(path), None, "{path}");
        }
    }

    #[test]
    fn who_asks_for_a_format_gets_it_and_who_does_not_gets_text() {
        let wanted = |page: Page, accept: &str| Format::wanted(&page, [accept].into_iter());
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1";
        assert_eq!(wanted(Page::Metrics, prometheus), Format::OpenMetrics);
        assert_eq!(wanted(Page::Metrics, "text/plain;version=0.0.4"), Format::Text);
        assert_eq!(wanted(Page::Metrics, "application/json"), Format::Text);
        assert_eq!(wanted(Page::Ready, "text/html, Application/JSON;q=0.9"), Format::Json);
        assert_eq!(wanted(Page::Ready, "*/*"), Format::Text);
        assert_eq!(Format::wanted(&Page::Ready, std::iter::empty()), Format::Text);
    }
}
