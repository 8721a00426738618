//! The header that a target must get ahead of the bytes of its client.

/// The header of one target, as far as it has arrived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Preface {
    /// The headers of which it must be one. An empty one stands for none.
    expected: Vec<Vec<u8>>,
    /// Bytes of it that have arrived; `None` behind it.
    read: Option<Vec<u8>>,
}

impl Preface {
    /// One of these headers comes first.
    pub(crate) fn of(expected: Vec<Vec<u8>>) -> Self {
        let read = expected.iter().any(|it| !it.is_empty()).then(Vec::new);
        Self { expected, read }
    }

    /// Lengths of the headers that may come.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = u64> {
        let none = self.expected.is_empty().then_some(0);
        self.expected.iter().map(|it| it.len() as u64).chain(none)
    }

    /// Takes received bytes. Returns those behind the header.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        let Some(mut read) = self.read.take() else { return bytes.to_vec() };
        read.extend(bytes);
        let whole = self.expected.iter().filter(|it| !it.is_empty() && read.starts_with(it));
        if let Some(header) = whole.max_by_key(|it| it.len()) {
            return read.split_off(header.len());
        }
        if self.expected.iter().any(|it| it.starts_with(&read)) {
            self.read = Some(read);
            return Vec::new();
        }
        let may_lack = self.expected.iter().any(Vec::is_empty);
        assert!(
            may_lack,
            "a target has got {read:?} ahead of its client's bytes, and not {self:?}"
        );
        read
    }

    /// No more bytes come. Returns those that were no header.
    pub(crate) fn end(&mut self) -> Vec<u8> {
        let may_lack = self.expected.iter().any(Vec::is_empty);
        self.read.take_if(|_| may_lack).unwrap_or_default()
    }

    /// Whether the bytes of the client may follow: the header has arrived, or none must come.
    pub(crate) fn is_over(&self) -> bool {
        let may_lack = self.expected.iter().any(Vec::is_empty);
        self.read.as_ref().is_none_or(|read| read.is_empty() && may_lack)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_in_parts_and_the_rest_is_returned() {
        let mut preface = Preface::of(vec![b"head".to_vec()]);
        assert_eq!((preface.take(b"he"), preface.is_over()), (Vec::new(), false));
        assert_eq!((preface.take(b"adbody"), preface.is_over()), (b"body".to_vec(), true));
        assert_eq!(preface.take(b"head"), b"head");
    }

    #[test]
    #[should_panic(expected = "ahead of its client's bytes")]
    fn another_header_is_found() {
        Preface::of(vec![b"head".to_vec()]).take(b"body");
    }
}
