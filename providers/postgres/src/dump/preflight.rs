//! Everything that would stop a sync or a swap, said before.

use switchover::model::SideName;
use switchover::port::{DataError, Inspection, StoreProblem};

use super::about::{self, About};
use super::tools::{self, Program};
use super::{One, PostgresDump};
use crate::freeze;

fn problem(side: Option<&SideName>, fatal: bool, message: String, advice: &str) -> StoreProblem {
    StoreProblem { side: side.cloned(), fatal, message, advice: Some(advice.to_owned()) }
}

/// Both sides lead to one database: a copy would be put in its own source's place.
pub(super) fn one_database(inspection: &Inspection) -> Option<StoreProblem> {
    let mut sides = inspection.sides.values();
    let (one, other) = (sides.next()?, sides.next()?);
    (one.identity == other.identity).then(|| {
        let message = format!("{} and {} are one database", one.place, other.place);
        problem(None, true, message, "correct host, port or database of one side")
    })
}

/// Everything that is wrong with the sides that answer, with the tools and with the location of the backups.
pub(super) async fn problems(store: &PostgresDump, inspection: &Inspection) -> Vec<StoreProblem> {
    let mut found = Vec::new();
    if let Err(error) = store.depot.list().await {
        found.push(of_error(None, &error));
    }
    let mut read = Vec::new();
    for (name, one) in store.sides.iter().filter(|(name, _)| inspection.sides.contains_key(*name)) {
        match of_side(store, one).await {
            Ok((about, problems)) => {
                found.extend(problems);
                read.push((name, one, about));
            }
            Err(error) => found.push(of_error(Some(name), &error)),
        }
    }
    if let [first, second] = read.as_slice() {
        found.extend(between(first, second).await);
        found.extend(between(second, first).await);
    }
    found
}

fn of_error(side: Option<&SideName>, error: &DataError) -> StoreProblem {
    StoreProblem { side: side.cloned(), fatal: true, message: error.to_string(), advice: None }
}

async fn of_side(store: &PostgresDump, one: &One) -> Result<(About, Vec<StoreProblem>), DataError> {
    let server = &*one.server;
    let session = server.admin().await?;
    let about = About::read(server, &session).await?;
    let mut found = freeze::problems(server, &session).await?;
    for program in [Program::Dump, Program::Restore] {
        if let Err(error) = tools::find(program, about.major(), store.settings.tools.as_deref()).await {
            found.push(of_error(Some(server.name()), &error));
        }
    }
    let sql = "SELECT rolsuper OR rolcreatedb FROM pg_catalog.pg_roles WHERE rolname = current_user";
    let row = session.query_typed_one(sql, &[]).await.map_err(|error| server.told(&error))?;
    if !row.get::<_, bool>(0) {
        let message = format!(
            "{}: the admin may not create databases, and a copy is restored into a new one",
            server.place()
        );
        found.push(problem(Some(server.name()), true, message, "ALTER ROLE … CREATEDB"));
    }
    server.keep(session);
    Ok((about, found))
}

/// What one side's data needs and the other side does not have.
async fn between(
    (_, _, source): &(&SideName, &One, About),
    (name, target, about): &(&SideName, &One, About),
) -> Vec<StoreProblem> {
    let read = async {
        let server = &*target.server;
        let session = server.admin().await?;
        let extensions = about::missing_extensions(server, &session, &source.extensions).await?;
        let roles = about::missing_roles(server, &session, &source.roles).await?;
        server.keep(session);
        Ok::<_, DataError>((extensions, roles))
    };
    let (extensions, roles) = match read.await {
        Ok(read) => read,
        Err(error) => return vec![of_error(Some(name), &error)],
    };
    let place = target.server.place();
    let mut found = Vec::new();
    if about.major() < source.major() {
        let message =
            format!("{place}: PostgreSQL {} cannot take data from {}", about.major(), source.major());
        found.push(problem(
            Some(name),
            true,
            message,
            "upgrade it; both sides must have one version to be swapped back and forth",
        ));
    }
    for extension in extensions {
        let message = format!("{place}: the extension {extension} is not installed on this server");
        found.push(problem(Some(name), true, message, "install the package that brings it"));
    }
    for role in roles {
        let message =
            format!("{place}: the role {} does not exist; a sync creates it, without login", role.name);
        let advice = if role.login {
            "create it with its password, so that it can log in after a swap"
        } else {
            "create it, or let the sync do so"
        };
        found.push(problem(Some(name), false, message, advice));
    }
    found
}
