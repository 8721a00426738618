//! Plays the script in a file, and panics if it breaks a rule.

fn main() -> Result<(), String> {
    let path = std::env::args().nth(1).ok_or("usage: play FILE, with a script in FILE")?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("read {path}: {error}"))?;
    simulation::replay(&text);
    Ok(())
}
