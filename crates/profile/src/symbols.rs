//! Symbol names for code addresses, from the debug information of the running program.

use crate::Profile;
use std::collections::HashMap;

/// A source-level function of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Demangled name, without the crate hash.
    pub function: String,
    /// Source file; empty if unknown.
    pub file: String,
    /// Line number; 0 if unknown.
    pub line: u32,
}

/// Functions by code address.
#[derive(Debug, Default)]
pub struct Symbols(HashMap<usize, Vec<Frame>>);

impl Symbols {
    /// Resolves every address of a profile of this process. Reads the program's debug information,
    /// which can take seconds.
    pub fn of(profile: &Profile) -> Self {
        let mut names = HashMap::new();
        for address in profile.samples.iter().flat_map(|sample| &sample.addresses) {
            names.entry(*address).or_insert_with(|| look_up(*address));
        }
        // Frees the cached debug information.
        backtrace::clear_symbol_cache();
        Self(names)
    }

    /// The functions at an address, innermost first: several where functions were inlined, none
    /// without a symbol.
    pub fn at(&self, address: usize) -> &[Frame] {
        self.0.get(&address).map_or(&[], Vec::as_slice)
    }
}

fn look_up(address: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    // The resolver expects return addresses and subtracts one to find the call.
    backtrace::resolve(std::ptr::without_provenance_mut(address.saturating_add(1)), |symbol| {
        let Some(name) = symbol.name() else { return };
        let file = symbol.filename().map(|file| file.display().to_string());
        frames.push(Frame {
            // Without the hash that distinguishes versions of a crate.
            function: format!("{name:#}"),
            file: file.unwrap_or_default(),
            line: symbol.lineno().unwrap_or(0),
        });
    });
    frames
}

#[cfg(test)]
impl Symbols {
    /// Symbols with fixed names, for tests.
    pub(crate) fn named(names: &[(usize, &[&str])]) -> Self {
        let frame = |name: &&str| Frame { function: (*name).to_owned(), ..Frame::default() };
        let entry =
            |(address, names): &(usize, &[&str])| (*address, names.iter().map(frame).collect());
        Self(names.iter().map(entry).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn a_function_of_this_test() -> u32 {
        std::hint::black_box(7)
    }

    #[test]
    fn an_address_has_the_name_file_and_line_of_its_function() {
        let frames = look_up(a_function_of_this_test as *const () as usize);
        let outermost = frames.last().expect("a name");
        assert!(outermost.function.ends_with("a_function_of_this_test"), "{outermost:?}");
        assert!(outermost.file.ends_with("symbols.rs") && outermost.line > 0, "{outermost:?}");
        assert_eq!(look_up(1), []);
    }
}
