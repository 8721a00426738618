//! Plays one script from a file.
fn main() {
    let path = std::env::args().nth(1).expect("the name of a file");
    let text = std::fs::read_to_string(path).expect("a file");
    simulation::replay(&text);
}
