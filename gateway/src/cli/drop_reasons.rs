//! The documentation's page of drop reasons, made from their table.

use std::io::{self, Write};

use crate::telemetry::DropReason;

const HEAD: &str = "\
# Why packets are dropped

Every packet that the gateway does not forward has one of these reasons. They are the same in `nvgw show drops`,
in `/metrics` (`nvgw_drops_total{reason=\"…\"}`) and in the report of `nvgw replay`. The last column is what
Hyper-V's network virtualization trace calls the same failure.

This page is made from the gateway's own table: `nvgw drop-reasons > docs/drop-reasons.md`.

| reason | what happened | Hyper-V |
|---|---|---|
";

/// Writes the page, in Markdown.
pub(super) fn write(out: &mut impl Write) -> io::Result<()> {
    out.write_all(HEAD.as_bytes())?;
    for reason in DropReason::ALL {
        let hyper_v = reason.hyper_v_name().unwrap_or_default();
        writeln!(out, "| `{}` | {} | {hyper_v} |", reason.name(), reason.description())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_is_that_of_the_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/drop-reasons.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        let mut made = Vec::new();
        write(&mut made).expect("writes");
        let made = String::from_utf8(made).expect("text");
        if std::env::var_os("NVGW_WRITE_DOCS").is_some() {
            std::fs::write(path, &made).expect("writes the page");
            return;
        }
        assert!(
            committed == made,
            "docs/drop-reasons.md is out of date: run `nvgw drop-reasons > docs/drop-reasons.md`, \
             or this test with NVGW_WRITE_DOCS=1"
        );
        for reason in DropReason::ALL {
            assert!(committed.contains(&format!("| `{}` |", reason.name())), "{reason:?}");
        }
    }
}
