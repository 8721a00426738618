//! Reads one file and the forwards after it: `cargo run -p plan --example check FILE [FORWARD ...]`.

fn main() {
    let mut arguments = std::env::args().skip(1);
    let config = arguments.next().filter(|file| file != "-").map(Into::into);
    let input = plan::Input { config, forwards: arguments.collect(), ..plan::Input::default() };
    let start = std::time::Instant::now();
    let reading = plan::read(&input);
    let took = start.elapsed();
    let problems = &reading.problems;
    #[expect(clippy::print_stdout, reason = "this is what the example is for")]
    {
        print!("{}", problems.render(std::env::var_os("COLOR").is_some()));
        problems.iter().take(50).for_each(|problem| println!("{problem}"));
        println!("{} problems, plan: {}, {took:?}", problems.len(), reading.plan.is_some());
    }
}
