//! Tests in a private network namespace, whose routes and ports they may change. The test binary
//! restarts itself there with the name of this one test.

use std::env;
use std::time::Duration;

use testkit::{Tool, run};

use super::unshare_arguments;

/// Set in the process inside the namespace.
const INSIDE: &str = "TEST_IN_NETWORK_NAMESPACE";

/// Runs `scenario`, the whole body of the test named by [`test_name`], in a new network namespace
/// after the shell commands `setup`.
#[track_caller]
pub(crate) fn in_network_namespace(name: &str, setup: &str, scenario: impl FnOnce()) {
    if env::var_os(INSIDE).is_some() {
        return scenario();
    }
    let (_, test) = name.split_once("::").expect("the path of a test begins with its crate");
    let script = format!("ip link set lo up && {setup} && exec \"$@\"");
    let mut command = Tool::find("unshare").command();
    command.args(unshare_arguments("--net")).args(["sh", "-c", &script, "sh"]);
    command.arg(env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]);
    let finished = run(command.env(INSIDE, "yes"), Duration::from_secs(100)).success();
    assert!(finished.text().contains("1 passed"), "there is no test {test}: {finished}");
}

/// The path of a test of this module, without the crate's name.
macro_rules! test_name {
    ($test:ident) => {
        concat!(module_path!(), "::", stringify!($test))
    };
}
pub(crate) use test_name;

/// Defines a test per scenario in a network namespace, for each path with one worker and with two.
macro_rules! on_each_network_namespace {
    ($settings:ident; $($scenario:ident),+ $(,)?) => {
        $crate::support::on_each_network_namespace! { @ copy_with_one_worker "copy" 1 $settings; $($scenario)+ }
        $crate::support::on_each_network_namespace! { @ copy_with_two_workers "copy" 2 $settings; $($scenario)+ }
        $crate::support::on_each_network_namespace! {
            @ splice_with_one_worker "splice" 1 $settings; $($scenario)+
        }
        $crate::support::on_each_network_namespace! {
            @ splice_with_two_workers "splice" 2 $settings; $($scenario)+
        }
    };
    (@ $setup:ident $path:literal $workers:literal $settings:ident; $($scenario:ident)+) => {
        mod $setup {
            const SETUP: $crate::support::Setup =
                $crate::support::Setup { path: $path, workers: $workers };
            $(#[test] fn $scenario() {
                let name = $crate::support::test_name!($scenario);
                $crate::support::in_network_namespace(name, super::$settings, || super::$scenario(SETUP));
            })+
        }
    };
}
pub(crate) use on_each_network_namespace;
