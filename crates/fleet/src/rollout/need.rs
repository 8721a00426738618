//! Keys that older versions of the program do not know.

/// A key of a text that exists since a version of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The key.
    pub key: String,
    /// The first version that knows it.
    pub since: String,
    /// The place of the key in the text.
    pub location: String,
}

impl Need {
    /// Whether a version of the program knows the key. False for a text that is not a version.
    pub fn is_known_to(&self, version: &str) -> bool {
        numbers(version).zip(numbers(&self.since)).is_some_and(|(it, since)| it >= since)
    }
}

/// `0.2.0 (abc1234)` as its three numbers.
fn numbers(version: &str) -> Option<[u64; 3]> {
    let number = version.split([' ', '-', '+']).next()?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_knows_keys_of_older_ones_and_of_itself() {
        let need =
            |since: &str| Need { key: "k".into(), since: since.into(), location: "1:1".into() };
        assert!(need("0.2.0").is_known_to("0.2.0 (abc1234)"));
        assert!(need("0.9.1").is_known_to("0.10.0"));
        for version in ["0.2.9-rc1", "unknown", "1.2.3.4", ""] {
            assert!(!need("0.3.0").is_known_to(version), "{version}");
        }
    }
}
