//! The URLs that Twilio may have signed instead of ours: what a proxy or a setting did to them.

use super::{RefusedWebhook, is_authority, short, text};

/// The path and query that Twilio may have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RequestTarget<'a> {
    AsReceived,
    WithoutSlash,
    WithSlash,
    WithoutQuery,
    WithoutQueryAndSlash,
    /// A header of a proxy names it.
    BeforeRewrite(&'a str),
    /// A header of a proxy names what it removed from the front.
    WithPrefix(&'a str),
    /// `//` at the front, which proxies merge.
    WithDoubleSlash,
}

impl RequestTarget<'_> {
    /// The text, where it differs from what was received.
    pub(super) fn render(&self, received: &str) -> Option<String> {
        let (path, query) = received
            .split_once('?')
            .map_or((received, None), |(p, q)| (p, Some(q)));
        let joined = |path: &str| match query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        match self {
            Self::AsReceived => Some(received.to_owned()),
            Self::WithoutSlash => path.strip_suffix('/').map(joined),
            Self::WithSlash => (!path.ends_with('/')).then(|| joined(&format!("{path}/"))),
            Self::WithoutQuery => query.map(|_| path.to_owned()),
            Self::WithoutQueryAndSlash => query.and(path.strip_suffix('/')).map(str::to_owned),
            Self::BeforeRewrite(target) => (*target != received).then(|| (*target).to_owned()),
            Self::WithPrefix(prefix) => Some(format!("{}{received}", prefix.trim_end_matches('/'))),
            Self::WithDoubleSlash => Some(format!("/{received}")),
        }
    }

    pub(super) fn hint(&self) -> Option<String> {
        Some(match self {
            Self::AsReceived => return None,
            Self::WithoutSlash => "a trailing slash was added to the path on the way".to_owned(),
            Self::WithSlash => "the trailing slash of the path was removed on the way".to_owned(),
            Self::WithoutQuery => "a query was added to the URL on the way".to_owned(),
            Self::WithoutQueryAndSlash => {
                "a trailing slash and a query were added to the URL on the way".to_owned()
            }
            Self::BeforeRewrite(_) => "the path was rewritten on the way".to_owned(),
            Self::WithPrefix(prefix) => format!(
                "the path lost its prefix {} on the way: TABLECALL_PUBLIC_URL is an origin, a path \
                 below it is not possible",
                short(prefix)
            ),
            Self::WithDoubleSlash => {
                "Twilio's URL has two slashes before the path, which were merged on the way"
                    .to_owned()
            }
        })
    }
}

pub(super) fn targets<'a>(refused: &RefusedWebhook<'a>) -> Vec<RequestTarget<'a>> {
    let mut targets = vec![
        RequestTarget::WithoutSlash,
        RequestTarget::WithSlash,
        RequestTarget::WithoutQuery,
        RequestTarget::WithoutQueryAndSlash,
        RequestTarget::WithDoubleSlash,
    ];
    let header = |name| text(refused.headers, name).filter(|target| target.starts_with('/'));
    targets.extend(
        [
            "x-forwarded-uri",
            "x-original-uri",
            "x-original-url",
            "x-rewrite-url",
        ]
        .into_iter()
        .filter_map(header)
        .map(RequestTarget::BeforeRewrite),
    );
    targets.extend(header("x-forwarded-prefix").map(RequestTarget::WithPrefix));
    targets
}

/// The other origins that Twilio may have been given, the likeliest first.
pub(super) fn origins(refused: &RefusedWebhook<'_>) -> Vec<String> {
    let Some((scheme, authority)) = refused.public_url.split_once("://") else {
        return Vec::new();
    };
    let other = if scheme.eq_ignore_ascii_case("https") {
        "http"
    } else {
        "https"
    };
    let headers = refused.headers;
    let reported = ["host", "x-forwarded-host", "x-original-host"]
        .into_iter()
        .filter_map(|name| text(headers, name))
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|host| is_authority(host))
        .take(4);
    let mut hosts = vec![authority.to_owned()];
    hosts.extend(reported.map(str::to_owned));
    let forwarded = text(headers, "x-forwarded-port").map(str::trim);
    let ports: Vec<String> = hosts
        .iter()
        .filter_map(|host| host.strip_prefix(without_port(host))?.strip_prefix(':'))
        .chain(forwarded.filter(|port| port.parse::<u16>().is_ok()))
        .map(str::to_owned)
        .collect();
    for host in hosts.clone() {
        hosts.extend(
            ports
                .iter()
                .map(|port| format!("{}:{port}", without_port(&host))),
        );
    }
    hosts.push(without_port(authority).to_owned());
    let mut origins: Vec<String> = Vec::new();
    for host in &hosts {
        for scheme in [scheme, other] {
            let origin = format!("{scheme}://{host}");
            if origin != refused.public_url && !origins.contains(&origin) {
                origins.push(origin);
            }
        }
    }
    origins
}

fn without_port(authority: &str) -> &str {
    match authority.rfind(':') {
        Some(colon) if !authority[colon..].contains(']') => &authority[..colon],
        Some(_) | None => authority,
    }
}
