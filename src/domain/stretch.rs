//! How far a text goes on plainly, for whoever escapes the rest: tickets are long, and nothing in them is special.

/// How many bytes from the beginning are plain. `is_plain` is asked of sixteen bytes at once, if it has no branches.
pub fn plain(text: &[u8], is_plain: impl Fn(u8) -> bool) -> usize {
    let whole = text.chunks_exact(16).take_while(|chunk| chunk.iter().fold(true, |all, byte| all & is_plain(*byte)));
    let skipped = whole.count() * 16;
    skipped + text[skipped..].iter().take_while(|byte| is_plain(**byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_ends_at_the_first_byte_that_is_not_plain() {
        for length in 0..50 {
            let text = vec![b'a'; length];
            assert_eq!(plain(&text, |byte| byte == b'a'), length);
            for at in 0..length {
                let mut text = text.clone();
                text[at] = b'&';
                assert_eq!(plain(&text, |byte| byte == b'a'), at);
            }
        }
    }
}
