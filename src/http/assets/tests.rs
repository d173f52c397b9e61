//! The files as a browser or a proxy would ask for them.

use std::io::Read;

use flate2::read::GzDecoder;

use super::*;

fn ask(method: Method, path: &str, headers: &[(&str, &str)]) -> Request {
    let request = Request::builder().method(method).uri(path.parse().unwrap());
    headers
        .iter()
        .fold(request, |request, (name, value)| {
            request.header(*name, *value)
        })
        .finish()
}

async fn get(path: &str, headers: &[(&str, &str)]) -> Response {
    Assets::default()
        .call(ask(Method::GET, path, headers))
        .await
        .unwrap()
}

fn header_of<'a>(answer: &'a Response, name: &str) -> Option<&'a str> {
    answer
        .headers()
        .get(name)
        .map(|value| value.to_str().unwrap())
}

#[test]
fn the_table_is_sorted_and_whole() {
    assert!(ASSETS.is_sorted_by(|a, b| a.path < b.path));
    for path in [
        "/docs",
        "/docs.js",
        "/docs.css",
        "/docs/swagger-ui-bundle.js",
        "/docs/swagger-ui.css",
    ] {
        assert!(
            ASSETS
                .iter()
                .any(|asset| asset.path == path && !asset.plain.is_empty()),
            "{path}"
        );
    }
    for asset in ASSETS {
        assert!(
            asset.etag.starts_with('"') && asset.etag.ends_with('"') && asset.etag.len() == 34,
            "{asset:?}"
        );
        assert_ne!(asset.etag, asset.etag_gzip);
    }
}

#[tokio::test]
async fn a_page_has_its_type_its_tag_and_is_asked_about_again() {
    let answer = get("/docs", &[]).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(
        header_of(&answer, "content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(header_of(&answer, "cache-control"), Some("no-cache"));
    assert_eq!(header_of(&answer, "vary"), Some("accept-encoding"));
    assert_eq!(header_of(&answer, "content-encoding"), None);
    let body = answer.into_body().into_string().await.unwrap();
    assert!(body.starts_with("<!doctype html>"), "{body}");
    assert_eq!(
        get("/docs/", &[])
            .await
            .into_body()
            .into_string()
            .await
            .unwrap(),
        body
    );
}

#[tokio::test]
async fn a_compressed_file_is_the_same_file_with_a_tag_of_its_own() {
    let path = "/docs/swagger-ui-bundle.js";
    let plain = get(path, &[("accept-encoding", "br, identity")]).await;
    let packed = get(path, &[("accept-encoding", "br, GZIP;q=0.5")]).await;
    assert_eq!(header_of(&packed, "content-encoding"), Some("gzip"));
    assert_ne!(header_of(&packed, "etag"), header_of(&plain, "etag"));
    let packed = packed.into_body().into_vec().await.unwrap();
    let mut unpacked = Vec::new();
    GzDecoder::new(packed.as_slice())
        .read_to_end(&mut unpacked)
        .unwrap();
    let plain = plain.into_body().into_vec().await.unwrap();
    assert!(packed.len() * 2 < plain.len() && unpacked == plain);
}

#[test]
fn a_coding_is_taken_only_if_it_is_wanted() {
    let takes =
        |value: &str| accepts_gzip(ask(Method::GET, "/", &[("accept-encoding", value)]).headers());
    for value in [
        "gzip",
        "br,gzip",
        "x-gzip",
        "*",
        "gzip ; q=0.001",
        "*;q=0, gzip",
    ] {
        assert!(takes(value), "{value}");
    }
    for value in [
        "",
        "br",
        "gzip;q=0",
        "gzip; q=0.000, *",
        "*;q=0",
        "gzipped",
        "gzip;q=x",
    ] {
        assert!(!takes(value), "{value}");
    }
}

#[tokio::test]
async fn a_known_file_is_not_sent_again() {
    let etag = header_of(&get("/docs", &[]).await, "etag")
        .unwrap()
        .to_owned();
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"x\", {etag}"),
        "*".to_owned(),
    ] {
        let answer = get("/docs", &[("if-none-match", &known)]).await;
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED, "{known}");
        assert_eq!(header_of(&answer, "etag"), Some(etag.as_str()));
        assert_eq!(header_of(&answer, "cache-control"), Some("no-cache"));
        assert_eq!(header_of(&answer, "content-type"), None);
        assert_eq!(answer.into_body().into_vec().await.unwrap(), b"");
    }
    let unquoted = etag.trim_matches('"');
    for other in ["\"x\"", unquoted, ""] {
        assert_eq!(
            get("/docs", &[("if-none-match", other)]).await.status(),
            StatusCode::OK,
            "{other}"
        );
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let answer = Assets::default()
        .call(ask(Method::HEAD, "/docs", &[]))
        .await
        .unwrap();
    let length = get("/docs", &[])
        .await
        .into_body()
        .into_vec()
        .await
        .unwrap()
        .len()
        .to_string();
    assert_eq!(header_of(&answer, "content-length"), Some(length.as_str()));
    assert_eq!(answer.into_body().into_vec().await.unwrap(), b"");
}

#[tokio::test]
async fn other_methods_are_told_what_is_allowed() {
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let error = Assets::default()
            .call(ask(method, "/docs", &[]))
            .await
            .unwrap_err();
        assert!(error.is::<OnlyRead>());
        assert_eq!(
            header_of(&error.into_response(), "allow"),
            Some("GET, HEAD, OPTIONS")
        );
    }
}

#[tokio::test]
async fn what_is_not_there_or_hidden_is_not_found() {
    for path in [
        "/nothing",
        "/docs.html",
        "/docs/../docs.js",
        "//docs",
        "/docs//",
        "/DOCS",
        "/docs%2ejs",
    ] {
        let error = Assets::default()
            .call(ask(Method::GET, path, &[]))
            .await
            .unwrap_err();
        assert!(error.is::<NotFoundError>(), "{path}");
    }
    for path in ["/docs", "/docs.js", "/docs/swagger-ui.css"] {
        assert!(
            Assets::hiding("/docs")
                .call(ask(Method::GET, path, &[]))
                .await
                .is_err(),
            "{path}"
        );
    }
}

#[test]
fn only_a_name_with_a_hash_is_kept_for_ever() {
    let asset = |path| Asset {
        path,
        content_type: "",
        plain: b"",
        gzip: None,
        etag: "",
        etag_gzip: "",
    };
    assert!(
        asset("/app.0123456789ab.js")
            .caching()
            .ends_with("immutable")
    );
    assert!(asset("/app-0123abcd.js").caching().ends_with("immutable"));
    for path in [
        "/app.js",
        "/sw.js",
        "/0123456789ab.js",
        "/docs/swagger-ui-bundle.js",
        "/facade00",
    ] {
        assert_eq!(asset(path).caching(), "no-cache", "{path}");
    }
}

#[test]
fn the_service_worker_names_all_files_of_the_app_and_their_version() {
    let worker = ASSETS.iter().find(|asset| asset.path == "/sw.js").unwrap();
    let code = std::str::from_utf8(worker.plain).unwrap();
    assert!(
        !code.contains("@VERSION@") && !code.contains("@FILES@"),
        "{code}"
    );
    for asset in ASSETS
        .iter()
        .filter(|asset| asset.path.starts_with("/app/"))
    {
        assert!(
            code.contains(&format!("\"{}\"", asset.path)),
            "{}",
            asset.path
        );
    }
    for other in ["\"/docs", "\"/simulator", "\"/sw.js\""] {
        assert!(!code.contains(other), "{other}");
    }
    assert_eq!(worker.caching(), "no-cache");
}
