//! `spor token`: who may come in over HTTP, and what they may see.

use crate::{
    auth::{CODE_GOOD_FOR, Role, Scope, TokenInfo, Tokens},
    config::Config,
    model::{ClassId, WardId},
};
use anyhow::bail;
use clap::Subcommand;
use std::{fmt::Write as _, io::Read};

#[derive(Subcommand)]
pub(super) enum TokenCommand {
    /// Makes a token and prints it once; with a password, lets a person in by name.
    Add {
        /// What or whom it is for, e.g. `wall-c1`.
        name: String,
        /// wall, porter, coordinator, manager, engineer or admin.
        #[arg(long, value_parser = role_named)]
        role: Role,
        /// Reads a person's password from standard input instead of making a token.
        #[arg(long)]
        password_stdin: bool,
        /// A wall sees what is in these wards, what is theirs, and the shared pool.
        #[arg(long, value_name = "WARD", value_delimiter = ',')]
        wards: Vec<WardId>,
        /// A wall sees what is on these floors.
        #[arg(long, value_name = "NUMBER", value_delimiter = ',', allow_negative_numbers = true)]
        floors: Vec<i16>,
        /// A wall sees these classes.
        #[arg(long, value_name = "CLASS", value_delimiter = ',')]
        classes: Vec<ClassId>,
    },
    /// Prints a code that lets a screen or a person in once, as the bearer of a token.
    Enroll {
        /// The token's name.
        name: String,
    },
    /// Ends a token at once, and whoever came in with it.
    Revoke {
        /// Its name.
        name: String,
    },
    /// Lists the tokens: names, roles and what they see, never the tokens themselves.
    List,
}

fn role_named(text: &str) -> Result<Role, &'static str> {
    Role::parse(text).ok_or("it is wall, porter, coordinator, manager, engineer or admin")
}

pub(super) fn token(config: &Config, command: TokenCommand) -> anyhow::Result<()> {
    let tokens = Tokens::open(&config.data_dir)?;
    match command {
        TokenCommand::Add { name, role, password_stdin, wards, floors, classes } => {
            let scope = Scope { wards, floors, classes };
            if !password_stdin {
                println!("{}", tokens.add_within(&name, role, scope)?);
            } else if scope.is_everything() {
                tokens.add_person(&name, role, &password()?)?;
                eprintln!("{name} may log in.");
            } else {
                bail!(
                    "a wall has a token and no password: give it a code with `spor token enroll`"
                );
            }
        }
        TokenCommand::Enroll { name } => {
            let code = tokens.enroll(&name)?;
            println!("{code}");
            let minutes = CODE_GOOD_FOR.as_mins();
            let listen = config.http.listen;
            eprintln!(
                "Good once, for {minutes} minutes: open /login on the screen, \
                 e.g. http://{listen}/login?code={code}&next=/wall"
            );
        }
        TokenCommand::Revoke { name } => tokens.revoke(&name)?,
        TokenCommand::List => tokens.list().iter().for_each(|token| println!("{}", line(token))),
    }
    Ok(())
}

fn password() -> anyhow::Result<String> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn line(token: &TokenInfo) -> String {
    let TokenInfo { name, role, created, revoked, scope, .. } = token;
    let mut line = format!("{name}  {}", role.as_str());
    let lists = [
        ("wards", scope.wards.iter().map(ToString::to_string).collect::<Vec<_>>()),
        ("floors", scope.floors.iter().map(ToString::to_string).collect()),
        ("classes", scope.classes.iter().map(ToString::to_string).collect()),
    ];
    for (what, seen) in lists.iter().filter(|(_, seen)| !seen.is_empty()) {
        let _ = write!(line, "  {what} {}", seen.join(","));
    }
    let _ = write!(line, "  made {created}");
    if let Some(at) = revoked {
        let _ = write!(line, "  revoked {at}");
    }
    line
}
