use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The live page: style and script are in it, and it loads nothing but `/status`.
pub(super) const HTML: &str = include_str!("page.html");

/// What a browser lets the page do. Style and script are named by their hashes, so that nothing that
/// got into the page otherwise is run.
pub(super) fn policy() -> &'static str {
    static POLICY: LazyLock<String> = LazyLock::new(|| {
        let hash = |tag| STANDARD.encode(Sha256::digest(content(tag).as_bytes()));
        format!(
            "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; \
             connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            hash("script"),
            hash("style")
        )
    });
    &POLICY
}

/// What is inside of the page's only element of this kind.
fn content(tag: &str) -> &'static str {
    let inside = HTML.split_once(&format!("<{tag}>")).map_or("", |(_, rest)| rest);
    inside.split_once(&format!("</{tag}>")).map_or("", |(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::{HTML, content};

    #[test]
    fn the_page_is_small_and_needs_nothing_else() {
        assert!(HTML.len() < 15_000, "{} bytes", HTML.len());
        for tag in ["script", "style"] {
            assert_eq!(HTML.matches(&format!("<{tag}")).count(), 1, "{tag}");
            assert!(content(tag).len() > 1_000, "{tag}");
        }
        let urls: Vec<_> = HTML.match_indices("http").map(|(at, _)| &HTML[at..at + 25]).collect();
        assert!(urls.iter().all(|url| url.starts_with("http://www.w3.org/2000/sv")), "{urls:?}");
        for wrong in ["style=\"", "onload", "onclick", "innerHTML", "insertAdjacentHTML", "eval("] {
            assert!(!HTML.contains(wrong), "{wrong}");
        }
    }
}
