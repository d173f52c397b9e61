//! Finds the prefix of a text that needs no escaping. Tickets are long and have nothing to escape.

/// The bytes that stand for themselves in some form of text, as `N` ranges with both their ends.
#[derive(Debug)]
pub struct UnescapedSet<const N: usize> {
    ranges: [(u8, u8); N],
    table: [bool; 256],
}

impl<const N: usize> UnescapedSet<N> {
    /// The bytes of these ranges.
    #[must_use]
    pub const fn new(ranges: [(u8, u8); N]) -> Self {
        let mut table = [false; 256];
        let mut nth = 0;
        while nth < N {
            let (mut byte, last) = (ranges[nth].0 as usize, ranges[nth].1 as usize);
            while byte <= last {
                table[byte] = true;
                byte += 1;
            }
            nth += 1;
        }
        Self { ranges, table }
    }

    /// Number of bytes from the beginning that are plain: sixteen at once, and where they end, one
    /// by one.
    #[inline]
    #[must_use]
    pub fn prefix_len(&self, text: &[u8]) -> usize {
        let whole = text
            .chunks_exact(16)
            .take_while(|chunk| self.holds(chunk))
            .count()
            * 16;
        whole
            + text[whole..]
                .iter()
                .take_while(|byte| self.table[usize::from(**byte)])
                .count()
    }

    /// Returns whether all bytes are plain. Nothing branches on a byte, so that the compiler takes
    /// many of them at once.
    #[inline]
    fn holds(&self, bytes: &[u8]) -> bool {
        let holds = |byte: u8| {
            let ranges = self.ranges.iter();
            ranges.fold(false, |any, (first, last)| {
                any | (byte.wrapping_sub(*first) <= last - first)
            })
        };
        bytes.iter().fold(true, |all, byte| all & holds(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_ends_at_the_first_byte_that_is_not_plain() {
        let plain = UnescapedSet::new([(b'a', b'f'), (b'0', b'9'), (255, 255)]);
        for length in 0..50 {
            let text = vec![b'a'; length];
            assert_eq!(plain.prefix_len(&text), length);
            for at in 0..length {
                let mut text = text.clone();
                text[at] = b'&';
                assert_eq!(plain.prefix_len(&text), at);
            }
        }
    }

    #[test]
    fn a_byte_is_plain_in_its_ranges_alone_however_many_are_looked_at() {
        let plain = UnescapedSet::new([(0, 0), (b'a', b'f'), (b'_', b'_'), (200, 255)]);
        for byte in 0..=255 {
            let wanted = matches!(byte, 0 | b'a'..=b'f' | b'_' | 200..=255);
            assert_eq!(plain.prefix_len(&[byte]) == 1, wanted, "{byte}");
            assert_eq!(plain.prefix_len(&[byte; 16]) == 16, wanted, "{byte}");
        }
    }
}
