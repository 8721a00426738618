//! Rendering of a forward as TOML.

use crate::accept_proxy::AcceptProxy;
use crate::address::{ListenAddress, Ranged};
use crate::forward_only::FORWARD_ONLY;
use crate::plan::{Forward, ForwardSettings, Route};
use crate::table::Table;
use crate::target::{TargetEntry, TargetRange};
use crate::toml_text::{self, basic_string, one_or_list};

/// All settings of a forward as TOML values, by key, including defaults.
pub fn settings_toml(forward: &Forward) -> impl Iterator<Item = (&'static str, String)> {
    let settings = ForwardSettings::SETTINGS.iter();
    settings.filter_map(|setting| Some((setting.key, forward.settings.written(setting)?)))
}

/// A TOML file with this forward only. Settings are left out where they have their default.
pub fn forward_toml(forward: &Forward) -> String {
    let own = FORWARD_ONLY
        .iter()
        .filter_map(|setting| Some((setting.key, forward_only_toml(forward, setting.key)?)));
    let defaults = ForwardSettings::default();
    // These are errors in a forward where they have no effect, unless they come from `[defaults]`.
    let listens = || forward.routes.iter().map(|route| &route.listen);
    let is_allowed = |key: &str| match key {
        "on_down" => forward.settings.check.is_some(),
        "hello_timeout" => !forward.hello_routes.is_empty(),
        "freebind" => listens().any(|it| it.port().is_some()),
        "accept_proxy" => {
            !forward.settings.accept_proxy.as_ref().is_some_and(AcceptProxy::trusts_sockets_only)
                || listens().any(|it| matches!(it, ListenAddress::Unix(_)))
        }
        _ => true,
    };
    let settings = ForwardSettings::SETTINGS.iter().filter(|setting| is_allowed(setting.key));
    let settings = settings.filter_map(|setting| {
        let value = forward.settings.written(setting);
        Some((
            setting.key,
            value.filter(|value| defaults.written(setting).as_ref() != Some(value))?,
        ))
    });
    let lines = own.chain(settings).map(|(key, text)| format!("{key} = {text}\n"));
    ["[[forward]]\n".to_owned()].into_iter().chain(lines).collect()
}

/// The TOML value of a row in `settings::FORWARD_ONLY`; `None` if the forward has none.
pub(crate) fn forward_only_toml(forward: &Forward, key: &str) -> Option<String> {
    match key {
        "listen" => Some(listen(forward)),
        "to" => to(forward),
        "route" => {
            let routes = routes(forward);
            (!routes.is_empty()).then(|| format!("[{}]", routes.join(", ")))
        }
        _ => Some(basic_string(&forward.name)),
    }
}

/// The TOML value of `listen`: one address, or a list of them.
pub(crate) fn listen(forward: &Forward) -> String {
    let entries: Vec<_> = forward
        .routes
        .chunks(ports(&forward.routes))
        .filter_map(|routes| {
            let first = routes.first()?.listen.clone();
            Some(basic_string(&Ranged { first, count: count(routes) }.to_string()))
        })
        .collect();
    one_or_list(&entries)
}

/// The TOML value of `to`: one target, or a list of them; `None` if only routes have targets.
pub(crate) fn to(forward: &Forward) -> Option<String> {
    let entries: Vec<_> = targets(forward).iter().map(toml_text::target).collect();
    (!entries.is_empty()).then(|| one_or_list(&entries))
}

/// The entries of `route` as TOML.
pub(crate) fn routes(forward: &Forward) -> Vec<String> {
    let routes = forward.hello_routes.iter();
    routes.map(|route| toml_text::route(&route.rule, route.target_ranges())).collect()
}

/// The targets as written in `to`.
pub(crate) fn targets(forward: &Forward) -> Vec<TargetRange> {
    let mut entries = forward.routes.chunks(ports(&forward.routes));
    let Some(routes) = entries.next() else { return Vec::new() };
    let targets = routes.first().map(|route| route.targets.iter());
    let target = |entry: &TargetEntry| TargetRange {
        address: Ranged { first: entry.address.clone(), count: count(routes) },
        options: entry.options,
    };
    targets.into_iter().flatten().map(target).collect()
}

/// Ports per listen entry: the size of the targets' ranges, since each entry starts at their first
/// ports.
fn ports(routes: &[Route]) -> usize {
    let first = routes.first().map(|route| &route.targets);
    let again = routes.iter().skip(1).position(|route| Some(&route.targets) == first);
    again.map_or(routes.len(), |after| after + 1).max(1)
}

/// Number of routes of one listen entry.
fn count(routes: &[Route]) -> u16 {
    u16::try_from(routes.len()).expect("an entry has one route for each port of a range")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plan;
    use crate::testing::plan_of;

    /// The table's values as lines of TOML.
    fn lines<T: Table>(table: &T) -> String {
        let lines = T::SETTINGS
            .iter()
            .filter_map(|setting| Some(format!("{} = {}\n", setting.key, table.written(setting)?)));
        lines.collect()
    }

    fn whole(plan: &Plan) -> String {
        let mut text = format!("[process]\n{}[log]\n{}", lines(&plan.process), lines(&plan.log));
        for forward in &plan.forwards {
            let own = FORWARD_ONLY.iter().filter_map(|it| {
                Some(format!("{} = {}\n", it.key, forward_only_toml(forward, it.key)?))
            });
            text +=
                &["[[forward]]\n", &own.collect::<String>(), &lines(&forward.settings)].concat();
        }
        text
    }

    #[test]
    fn rendered_forwards_are_read_back() {
        let samples = [
            include_str!("../tests/samples/valid/every_key.toml"),
            include_str!("../tests/samples/valid/auto_words.toml"),
            include_str!("../tests/samples/valid/targets.toml"),
            include_str!("../tests/samples/valid/admin_port.toml"),
            include_str!("../tests/samples/valid/checks.toml"),
            include_str!("../tests/samples/valid/hello_routes.toml"),
        ];
        for sample in samples {
            let plan = plan_of(sample);
            let text = whole(&plan);
            let again = plan_of(&text);
            assert_eq!((&again.process, &again.log), (&plan.process, &plan.log), "{text}");
            assert_eq!(again.forwards.len(), plan.forwards.len());
            for (again, forward) in again.forwards.iter().zip(&plan.forwards) {
                assert_eq!(again.name, forward.name);
                assert_eq!(again.routes, forward.routes, "{text}");
                assert_eq!(again.hello_routes, forward.hello_routes, "{text}");
                assert_eq!(again.settings, forward.settings, "{text}");
            }
        }
    }

    #[test]
    fn a_single_forward_is_read_back_and_has_no_defaults() {
        let plan = plan_of(include_str!("../tests/samples/valid/every_key.toml"));
        for forward in &plan.forwards {
            let text = forward_toml(forward);
            let again = &plan_of(&text).forwards[0];
            assert_eq!(again.routes, forward.routes, "{text}");
            assert_eq!(again.settings, forward.settings, "{text}");
        }
        let bare = plan_of("[[forward]]\nname = 'a'\nlisten = ':1'\nto = 'h:2'\n");
        let text = forward_toml(&bare.forwards[0]);
        assert_eq!(text, "[[forward]]\nname = \"a\"\nlisten = \":1\"\nto = \"h:2\"\n");
    }

    #[test]
    fn a_forward_without_a_check_is_read_back_without_on_down() {
        let plan = plan_of(
            "[defaults]\non_down = 'reset'\n[[forward]]\nlisten = ':1'\nto = 'h:2'\n\
             [[forward]]\nlisten = ':2'\nto = 'h:2'\ncheck = 'tls'\n",
        );
        let [without, with] = &plan.forwards[..] else { panic!("two forwards") };
        assert_eq!(plan_of(&forward_toml(without)).forwards[0].settings.on_down, None);
        assert_eq!(plan_of(&forward_toml(with)).forwards[0].settings, with.settings);
    }

    #[test]
    fn targets_are_tables_where_an_option_differs() {
        let plan = plan_of(include_str!("../tests/samples/valid/targets.toml"));
        let texts: Vec<_> = plan.forwards.iter().filter_map(|forward| to(forward)).collect();
        assert_eq!(
            texts,
            [
                r#"["10.0.0.5:5432", { address = "10.0.0.6:5432", weight = 2, max_sessions = 200 }, { address = "unix:/run/db", backup = true }]"#,
                r#"{ address = "web:80", max_sessions = 9 }"#,
                r#"["a:9100-9110", { address = "b:9100-9110", weight = 3 }]"#,
                r#"["a:1", "b:1"]"#,
                r#"["dns:db.test:5432", "srv:_db._tcp.Test.", { address = "dns:b:1", weight = 2, backup = true }, { address = "srv:_b._tcp.b", max_sessions = 3 }]"#,
                r#"["dns:a:7000-7001", "dns:53-54"]"#,
            ]
        );
    }

    #[test]
    fn ranges_and_lists_are_kept() {
        let plan = plan_of(
            "[[forward]]\nlisten = [':9000-9002', '127.0.0.1:100-102']\nto = 'h:1-3'\n\
             [[forward]]\nlisten = '80'\nto = 'unix:/a\"b\\c'\n",
        );
        let texts: Vec<_> = plan.forwards.iter().map(|f| [listen(f), to(f).unwrap()]).collect();
        assert_eq!(texts[0], [r#"[":9000-9002", "127.0.0.1:100-102"]"#, r#""h:1-3""#]);
        assert_eq!(texts[1], [r#"":80""#, r#""unix:/a\"b\\c""#]);
        assert_eq!(basic_string("a\u{1b}"), r#""a\u001B""#);
    }
}
