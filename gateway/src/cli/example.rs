//! `nvgw example`.

use std::io::Write;

use nvgw_config::{CHANGES_EXAMPLE, EXAMPLES};

use super::CliError;

/// Prints an example, or the names of all.
pub(super) fn example(name: Option<&str>, out: &mut impl Write) -> Result<(), CliError> {
    let examples = || EXAMPLES.iter().chain([&CHANGES_EXAMPLE]);
    let Some(name) = name else {
        examples().try_for_each(|(name, _)| writeln!(out, "{name}"))?;
        return Ok(());
    };
    let stem = name.strip_suffix(".yaml").unwrap_or(name);
    let Some((_, text)) = examples().find(|(known, _)| known.strip_suffix(".yaml").unwrap_or(known) == stem)
    else {
        let known: Vec<_> = examples().map(|(name, _)| *name).collect();
        return Err(CliError::NoExample { name: name.to_owned(), known: known.join(", ") });
    };
    out.write_all(text.as_bytes())?;
    Ok(())
}
