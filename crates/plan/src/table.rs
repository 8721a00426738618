//! Access to fields of the plan by the keys of `settings.rs`.

use crate::field::Field;
use crate::setting::Setting;
use crate::value::Value;

/// A struct of the plan whose every field is a setting. Implemented by [`rows!`](rows).
pub(crate) trait Table: Sized + 'static {
    /// The rows, in the order of the documentation.
    const SETTINGS: &'static [Setting];

    /// The value of a table with no key set.
    fn defaults() -> Self;

    /// The field for a key.
    fn field(&self, key: &str) -> Option<&dyn Field>;

    /// The field for a key, for [`Self::set`].
    fn field_mut(&mut self, key: &str) -> Option<&mut dyn Field>;

    /// Stores a value that has been checked against the setting's kind.
    fn set(&mut self, setting: &Setting, value: Value) {
        let is_none = matches!(value, Value::Word(word) if setting.kind.word() == Some(word));
        if let Some(field) = self.field_mut(setting.key) {
            field.put((!is_none).then_some(value));
        }
    }

    /// The value of a setting; `None` if it is not set and has no default.
    fn get(&self, setting: &Setting) -> Option<Value> {
        let none = setting.kind.word().map(Value::Word);
        self.field(setting.key)?.value().or(none)
    }

    /// The value of a setting as TOML.
    fn written(&self, setting: &Setting) -> Option<String> {
        Some(self.get(setting)?.written(setting.kind))
    }
}

/// The default of a setting as TOML.
pub(crate) fn written_default<T: Table>(key: &str) -> Option<String> {
    let setting = T::SETTINGS.iter().find(|setting| setting.key == key)?;
    T::defaults().written(setting)
}

/// Rows of settings:
///
/// ```text
/// /// One sentence for the reference and the manual page.
/// key = default, kind => effect;
/// ```
///
/// A setting that is newer than [`Release::FIRST`](crate::Release::FIRST) ends in `, since (0, 3, 0);`.
///
/// The key is the name of a field of the struct. The compiler demands a row for each field, and a
/// field for each row.
macro_rules! rows {
    ($section:expr, $table:ident {
        $( $(#[doc = $doc:literal])+ $key:ident = $default:expr, $kind:expr => $effect:ident
            $(, since ($($since:literal),+))?; )+
    }) => {
        impl $crate::table::Table for $table {
            const SETTINGS: &'static [$crate::setting::Setting] = &[$(
                $crate::setting::Setting {
                    section: $section,
                    key: stringify!($key),
                    kind: $kind,
                    effect: $crate::setting::Effect::$effect,
                    doc: concat!($($doc),+).trim_ascii_start(),
                    since: $crate::table::since!($($($since),+)?),
                    default: || $crate::table::written_default::<$table>(stringify!($key)),
                }
            ),+];

            fn defaults() -> Self {
                Self { $($key: $default),+ }
            }

            fn field(&self, key: &str) -> Option<&dyn $crate::field::Field> {
                match key {
                    $(stringify!($key) => Some(&self.$key),)+
                    _ => None,
                }
            }

            fn field_mut(&mut self, key: &str) -> Option<&mut dyn $crate::field::Field> {
                match key {
                    $(stringify!($key) => Some(&mut self.$key),)+
                    _ => None,
                }
            }
        }
    };
}

/// The version of a row.
macro_rules! since {
    () => {
        $crate::release::Release::FIRST
    };
    ($major:literal, $minor:literal, $patch:literal) => {
        $crate::release::Release::new($major, $minor, $patch)
    };
}

/// Makes a table the value of a key in another table. Keys that are not given keep their value.
macro_rules! inline_table {
    ($table:ident) => {
        impl $crate::field::AsValue for $table {
            fn to_value(&self) -> $crate::value::Value {
                let entries = Self::SETTINGS.iter();
                let entries = entries.filter_map(|setting| Some((setting, self.get(setting)?)));
                $crate::value::Value::Table(entries.collect())
            }

            fn from_value(value: $crate::value::Value, before: Option<&Self>) -> Option<Self> {
                let $crate::value::Value::Table(given) = value else { return None };
                let mut table = before.cloned().unwrap_or_else(Self::defaults);
                for (setting, value) in given {
                    table.set(setting, value);
                }
                Some(table)
            }
        }
    };
}

pub(crate) use {inline_table, rows, since};
