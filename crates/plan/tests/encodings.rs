//! Files that are not in UTF-8.

use plan::Input;

#[test]
fn lines_count_by_themselves_also_where_they_are_not_utf8() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gbk.conf");
    std::fs::write(
        &path,
        b"\xef\xbb\xbf# \xd6\xd0\n1 | h | 1 # \xce\xc4\n2 | \xd6 | 2\n3 | i | 3\n",
    )
    .unwrap();
    let reading = plan::read(&Input { config: Some(path), ..Input::default() });
    let forwards = &reading.plan.as_ref().unwrap().forwards;
    let names: Vec<_> = forwards.iter().map(|forward| forward.name.as_str()).collect();
    assert_eq!(names, [":1", ":3"]);
    let problems = reading.problems.render(false);
    assert!(problems.contains("gbk.conf:3:5"), "{problems}");
    assert!(problems.contains("this line is not UTF-8 text"), "{problems}");
    assert_eq!(reading.problems.len(), 1, "{problems}");
}
