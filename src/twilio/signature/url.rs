//! The forms of one URL that Twilio may have signed.
//!
//! Bytes are kept as they are: nothing is decoded, escaped, or put in lower case (the official
//! vectors demand it).

/// Splits `scheme://authority` from the rest.
pub(super) fn split(url: &str) -> Option<(&str, &str)> {
    let authority = url.find("://")? + 3;
    let length = url[authority..]
        .find(['/', '?', '#'])
        .unwrap_or(url.len() - authority);
    Some(url.split_at(authority + length))
}

/// The forms of `url` that may have been signed, the likeliest first: voice webhooks are signed
/// without userinfo, and over HTTPS without port (Twilio, "Webhooks security"); but libraries also
/// accept the URL as configured, and with the scheme's own port. `None` when it has no scheme or no
/// host.
pub(super) fn variants(url: &str) -> Option<Vec<String>> {
    let (origin, path) = split(url)?;
    let (scheme, authority) = origin.split_once("://")?;
    let (userinfo, host_port) = authority
        .rsplit_once('@')
        .map_or(("", authority), |(user, host)| (user, host));
    // The colons of an IPv6 address stand in brackets.
    let port_at = host_port
        .rfind(':')
        .filter(|colon| !host_port[*colon..].contains(']'));
    let host = &host_port[..port_at.unwrap_or(host_port.len())];
    if scheme.is_empty() || host.is_empty() {
        return None;
    }
    let secure = scheme.eq_ignore_ascii_case("https");
    let explicit = format!("{host}:{}", if secure { 443 } else { 80 });
    let hosts = if secure {
        [host, host_port, &explicit]
    } else {
        [host_port, host, &explicit]
    };
    let mut variants = Vec::with_capacity(6);
    let users = ["", userinfo];
    for (user, host) in users
        .iter()
        .flat_map(|user| hosts.iter().map(move |host| (user, host)))
    {
        let at = if user.is_empty() { "" } else { "@" };
        let variant = format!("{scheme}://{user}{at}{host}{path}");
        if !variants.contains(&variant) {
            variants.push(variant);
        }
    }
    Some(variants)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_form_comes_first_and_none_twice() {
        assert_eq!(
            variants("https://a.example").unwrap(),
            ["https://a.example", "https://a.example:443"]
        );
        assert_eq!(
            variants("https://a.example:8443").unwrap(),
            [
                "https://a.example",
                "https://a.example:8443",
                "https://a.example:443"
            ]
        );
        assert_eq!(
            variants("http://[::1]:8080").unwrap(),
            ["http://[::1]:8080", "http://[::1]", "http://[::1]:80"]
        );
        assert_eq!(
            variants("HTTPS://u:p@A.example/x").unwrap(),
            [
                "HTTPS://A.example/x",
                "HTTPS://A.example:443/x",
                "HTTPS://u:p@A.example/x",
                "HTTPS://u:p@A.example:443/x"
            ]
        );
        for bad in [
            "",
            "a.example",
            "https://",
            "https://:443",
            "://a",
            "https:///path",
        ] {
            assert_eq!(variants(bad), None, "{bad}");
        }
    }
}
