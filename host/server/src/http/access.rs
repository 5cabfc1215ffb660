//! Who may ask: the password, and the host that a request names.
//!
//! Without a password everybody on this machine may ask, and a browser is one of them: a page from elsewhere whose name is made
//! to lead here would be taken for a page of this server. So a request then has to name this machine, as every honest one does.

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Server;
use super::answer::Wrong;
use crate::config::Password;

/// What tells nothing but whether the server is there.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

pub(super) async fn check(State(shared): Server, request: Request, next: Next) -> Response {
    if OPEN.contains(&request.uri().path()) {
        return next.run(request).await;
    }
    match &shared.config.password {
        Some(password) if !knows(password, request.headers()) => refuse(),
        None if !names_this_machine(&request) => {
            let error = "the request names a host that is not this machine, and there is no password";
            let hint = "ask under 127.0.0.1, localhost or [::1], or set serve.password";
            Wrong::new(StatusCode::FORBIDDEN, error, hint).into_response()
        }
        _ => next.run(request).await,
    }
}

fn refuse() -> Response {
    let hint = "send the header Authorization: Bearer PASSWORD, or Basic with any user";
    let mut response =
        Wrong::new(StatusCode::UNAUTHORIZED, "the password is missing, or another one", hint).into_response();
    for scheme in ["Bearer realm=\"host\"", "Basic realm=\"host\", charset=\"UTF-8\""] {
        response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    response
}

fn knows(password: &Password, headers: &HeaderMap) -> bool {
    let Some(header) = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes) else { return false };
    let Some(space) = header.iter().position(|byte| *byte == b' ') else { return false };
    let (scheme, rest) = header.split_at(space);
    let offered = rest.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return password.is(offered);
    }
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return false;
    }
    let Ok(decoded) = STANDARD.decode(offered) else { return false };
    let colon = decoded.iter().position(|byte| *byte == b':');
    colon.and_then(|colon| decoded.get(colon + 1..)).is_some_and(|offered| password.is(offered))
}

/// Whether the host of a request is an address or a name of this machine; one that names none is not from a browser.
fn names_this_machine(request: &Request) -> bool {
    let header = request.headers().get(HOST).map(|host| host.to_str().unwrap_or("?"));
    let Some(host) = request.uri().authority().map(|authority| authority.as_str()).or(header) else {
        return true;
    };
    is_loopback(host)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let address = name.parse::<std::net::IpAddr>();
    address.is_ok_and(|address| address.is_loopback()) || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_comes_as_a_bearer_or_behind_any_user() {
        let password = Password::new("s:cret").unwrap();
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for (header, known) in [
            ("Bearer s:cret".to_owned(), true),
            ("bearer   s:cret ".to_owned(), true),
            (basic("anybody:s:cret"), true),
            (basic(":s:cret"), true),
            (basic("s:cret"), false),
            ("Bearer secret".to_owned(), false),
            ("Bearer".to_owned(), false),
            ("Basic ???".to_owned(), false),
            ("Digest s:cret".to_owned(), false),
        ] {
            let headers = [(AUTHORIZATION, HeaderValue::from_str(&header).unwrap())];
            assert_eq!(knows(&password, &headers.into_iter().collect()), known, "{header}");
        }
        assert!(!knows(&password, &HeaderMap::new()));
    }

    #[test]
    fn a_host_is_this_machine_or_another() {
        for host in [
            "127.0.0.1:8080",
            "127.0.0.1",
            "127.8.8.8:1",
            "localhost:8080",
            "LOCALHOST",
            "[::1]:8080",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "example.org",
            "example.org:8080",
            "127.0.0.1.example.org",
            "10.0.0.1:8080",
            "",
            "?",
            "[fe80::1]:1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
