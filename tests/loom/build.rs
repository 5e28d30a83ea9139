//! Says that this crate is for loom. As a flag of the compiler it would be for all dependencies too.

fn main() {
    println!("cargo::rustc-cfg=loom");
}
