//! One request and its answer: the route is looked up, the peer's right checked, the parameters and the body read, the
//! shell asked.

use super::api::Problem;
use super::call::{Answer, Ask, Call, Reply};
use super::pages::{self, Format, Page};
use super::routes::{Found, Input, Way, find};
use super::server::Working;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Bytes, Frame, SizeHint};
use hyper::header::{ACCEPT, ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use std::convert::Infallible;
use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A body of a request has no more bytes than this.
pub const BODY: usize = 64 * 1024;
/// A whole body comes in this time.
pub const BODY_TIME: Duration = Duration::from_secs(10);

/// What a client has connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// The control socket.
    Control {
        /// Whether this client may act, or only look.
        may_act: bool,
    },
    /// The pages.
    Pages,
}

/// Answers a request. Whatever is wrong with it is an answer, too.
pub async fn respond<B>(request: Request<B>, site: Site, calls: &mpsc::Sender<Call>) -> Response<Body>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let may_act = match site {
        Site::Control { may_act } => may_act,
        Site::Pages => return page(&request, calls).await,
    };
    match prepare(request, may_act).await {
        Ok(Way::Text(text)) => response(200, Content::Whole(Some(Bytes::from(text)))),
        Ok(Way::Ask(ask)) => match ask_shell(ask, may_act, calls).await {
            Some(Answer::Whole { status, body }) => response(status, Content::Whole(Some(body))),
            Some(Answer::Page { status, media, body }) => {
                with_type(status, Content::Whole(Some(body)), media)
            }
            Some(Answer::Lines { lines, more }) => {
                let more = more.map(|ask| next(ask, may_act, calls.clone()));
                lines_response(Content::Lines { ready: Some(lines), more })
            }
            None => refuse(503, "the supervisor is ending", None),
        },
        Err(refusal) => refusal,
    }
}

/// Answers a request for a page; what is sent with it is not looked at.
async fn page<B>(request: &Request<B>, calls: &mpsc::Sender<Call>) -> Response<Body> {
    let text = |status, text: &'static str| {
        with_type(status, Content::Whole(Some(Bytes::from_static(text.as_bytes()))), pages::TEXT)
    };
    let Some(page) = Page::at(request.uri().path()) else {
        return text(404, "there is no such page; / lists them all\n");
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut answer = text(405, "the pages can only be read\n");
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let accepted = request.headers().get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let format = Format::wanted(&page, accepted);
    match ask_shell(Ask::Page(page, format), false, calls).await {
        Some(Answer::Whole { status, body }) => response(status, Content::Whole(Some(body))),
        Some(Answer::Page { status, media, body }) => with_type(status, Content::Whole(Some(body)), media),
        Some(Answer::Lines { .. }) | None => text(503, "the supervisor is ending\n"),
    }
}

/// What is to be done for a request, or why it is refused.
async fn prepare<B>(request: Request<B>, may_act: bool) -> Result<Way, Response<Body>>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (head, body) = request.into_parts();
    let (route, name) = match find(head.method.as_str(), head.uri.path()) {
        Found::Route(route, name) => (route, name),
        Found::Nothing => return Err(refuse(404, "there is nothing at this path", see_description())),
        Found::OtherMethod(allow) => {
            let mut answer = refuse(405, format!("this path takes {allow} only"), None);
            if let Ok(value) = HeaderValue::try_from(allow) {
                answer.headers_mut().insert(ALLOW, value);
            }
            return Err(answer);
        }
    };
    if route.acts && !may_act {
        let help = "read-only requests are open to everybody".to_owned();
        return Err(refuse(403, "only root and the supervisor's own user may do this", Some(help)));
    }
    let query = route.query(head.uri.query().unwrap_or_default()).map_err(bad)?;
    let body = if route.body.is_some() { read(body).await? } else { Bytes::new() };
    (route.ask)(Input { name, query, body }).map_err(bad)
}

async fn read<B>(body: B) -> Result<Bytes, Response<Body>>
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match timeout(BODY_TIME, Limited::new(body, BODY).collect()).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(refuse(413, format!("the body has more than {} KiB", BODY >> 10), None))
        }
        Ok(Err(error)) => Err(refuse(400, format!("cannot read the body: {error}"), None)),
        Err(_) => Err(refuse(408, format!("the body did not come within {} s", BODY_TIME.as_secs()), None)),
    }
}

async fn ask_shell(ask: Ask, may_act: bool, calls: &mpsc::Sender<Call>) -> Option<Answer> {
    let (reply, answer) = Reply::new();
    calls.send(Call { ask, may_act, reply }).await.ok()?;
    answer.await.ok()
}

/// The next lines, asked for when there is room for them and not before.
fn next(ask: Ask, may_act: bool, calls: mpsc::Sender<Call>) -> More {
    More(Box::pin(async move {
        let answer = ask_shell(ask, may_act, &calls).await;
        match answer {
            Some(Answer::Lines { lines, more }) => Some((lines, more.map(|ask| next(ask, may_act, calls)))),
            Some(Answer::Whole { body, .. } | Answer::Page { body, .. }) => Some((body, None)),
            None => None,
        }
    }))
}

fn bad(problem: Problem) -> Response<Body> {
    refuse(400, problem.error, problem.help)
}

fn see_description() -> Option<String> {
    Some("GET /v1/openapi.json tells what there is".to_owned())
}

fn refuse(status: u16, error: impl Display, help: Option<String>) -> Response<Body> {
    match Answer::json(status, &Problem { error: error.to_string(), help }) {
        Answer::Whole { status, body } | Answer::Page { status, body, .. } => {
            response(status, Content::Whole(Some(body)))
        }
        Answer::Lines { lines, .. } => response(status, Content::Whole(Some(lines))),
    }
}

fn response(status: u16, content: Content) -> Response<Body> {
    with_type(status, content, "application/json")
}

fn lines_response(content: Content) -> Response<Body> {
    with_type(200, content, "application/x-ndjson")
}

fn with_type(status: u16, content: Content, media: &'static str) -> Response<Body> {
    let mut response = Response::new(Body { content, _working: None });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response
}

/// An answer on its way. It holds what it was given to send, and at most one chunk of a stream.
#[derive(Debug)]
pub struct Body {
    content: Content,
    /// The request is in progress until this is gone.
    _working: Option<Working>,
}

impl Body {
    /// Keeps the request in progress until this body has been sent.
    #[must_use]
    pub fn keep(self, working: Working) -> Self {
        Self { _working: Some(working), ..self }
    }
}

enum Content {
    Whole(Option<Bytes>),
    Lines { ready: Option<Bytes>, more: Option<More> },
}

/// What comes next, and what after that.
struct More(Pin<Box<dyn Future<Output = Option<Chunk>> + Send>>);

type Chunk = (Bytes, Option<More>);

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Lines { .. } => "Lines",
        })
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let bytes = match &mut self.content {
            Content::Whole(bytes) => bytes.take(),
            Content::Lines { ready, more } => loop {
                if let Some(lines) = ready.take().filter(|lines| !lines.is_empty()) {
                    break Some(lines);
                }
                let Some(pending) = more else { break None };
                let come = ready!(pending.0.as_mut().poll(context));
                (*ready, *more) = come.map_or((None, None), |(lines, more)| (Some(lines), more));
            },
        };
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.content, Content::Whole(None) | Content::Lines { ready: None, more: None })
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Content::Lines { .. } => SizeHint::default(),
        }
    }
}
