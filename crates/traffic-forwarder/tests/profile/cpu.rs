//! CPU profiles: `go tool pprof`, flame graphs, and parameters.

use crate::loaded::Loaded;

#[test]
fn pprof_shows_where_the_workers_spend_cpu_time() {
    let loaded = Loaded::start();
    let file = loaded.profile(&["--seconds", "3"], "cpu.pb.gz");
    let top = loaded.pprof(&["-top", "-cum", "-nodecount=1000"], &file);
    assert!(top.contains("Type: cpu") && top.contains("Duration: 3"), "{top}");
    // The functions on a byte's path, with their callers.
    for function in ["engine::worker::", "engine::pump::", "sys::"] {
        assert!(top.contains(function), "no {function}: {top}");
    }
    // Symbols include the type of a method.
    let cut = top.lines().find(|line| line.contains(" ::"));
    assert_eq!(cut, None);
    // Symbols include source lines.
    let lines = loaded.pprof(&["-top", "-lines", "-nodecount=1000"], &file);
    assert!(lines.contains("pump.rs:"), "{lines}");
    loaded.finish();
}

#[test]
fn a_flame_graph_shows_workers_above_their_thread() {
    let loaded = Loaded::start();
    let svg = loaded.flame_graph(&["--seconds", "2"]);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    // A smaller y coordinate is deeper in the stack.
    let heights = |function: &str| {
        let lines = svg.lines().filter(|line| line.contains(&format!("<title>{function}")));
        let tops = lines
            .filter_map(|line| line.split(" y=\"").nth(1)?.split('"').next()?.parse::<u32>().ok());
        tops.collect::<Vec<_>>()
    };
    let [all, worker, pump] = ["all", "engine::worker::", "engine::pump::"].map(heights);
    assert!(worker.iter().max() < all.iter().max(), "{svg}");
    assert!(!pump.is_empty() && pump.iter().max() < worker.iter().max(), "{svg}");
    loaded.finish();
}

#[test]
fn invalid_profile_parameters_are_rejected() {
    let loaded = Loaded::start();
    for query in ["seconds=0", "seconds=301", "seconds=x", "format=png", "second=1"] {
        let answer = loaded.http.get(&format!("/debug/pprof/profile?{query}")).status(400);
        assert_eq!(answer.json()["error"]["code"], "bad_request", "{query}");
    }
    loaded.finish();
}
