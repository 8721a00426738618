//! The settings of `rate`.

use crate::byte_rate::SessionRate;
use crate::setting::Kind::{self, Or};
use crate::setting::Section;
use crate::table::{Table, inline_table, rows};

/// The kernel sends two segments at once at least: with less, that would be a matter of seconds.
const BYTE_RATE: Kind = Kind::ByteRate { min: 1 << 16, max: 1 << 40 };

rows! { Section::Inside("rate"), SessionRate {
    /// Bytes towards the target.
    up = None, Or("off", &BYTE_RATE) => LivingSessions;

    /// Bytes towards the client.
    down = None, Or("off", &BYTE_RATE) => LivingSessions;
} }
inline_table! { SessionRate }
