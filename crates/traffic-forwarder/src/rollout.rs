//! `publish` and `rollout`: the commands of a fleet, which read and write its store.

mod args;
mod changes;
mod locate;
mod publish;
mod reading;
mod run;
mod show;
mod status;
mod text;

pub(crate) use args::{Publish, RolloutArgs};

use crate::console::failure::CommandError;
use crate::console::runtime::block_on;
use crate::exit::Exit;
use args::Action;
use fleet::Request;
use std::future::Future;

/// Brings a text to the instances.
pub(crate) fn publish(args: &Publish) -> Exit {
    run_to_end(publish::run(args), false)
}

/// Shows a roll-out, decides it, or prints a text.
pub(crate) fn rollout(args: &RolloutArgs) -> Exit {
    run_to_end(act(args), args.json())
}

async fn act(args: &RolloutArgs) -> Result<Exit, CommandError> {
    match &args.action {
        None => status::run(&args.status).await,
        Some(Action::Status(args)) => status::run(args).await,
        Some(Action::Continue(args)) => {
            run::run(&locate::find(args)?, Request::Continue, None).await
        }
        Some(Action::Back(args)) => run::run(&locate::find(args)?, Request::Back, None).await,
        Some(Action::Show(args)) => show::run(args).await,
    }
}

fn run_to_end(command: impl Future<Output = Result<Exit, CommandError>>, json: bool) -> Exit {
    let result = match block_on(command) {
        Ok(result) => result,
        Err(exit) => return exit,
    };
    result.unwrap_or_else(|failure| {
        failure.print(json);
        failure.exit()
    })
}
