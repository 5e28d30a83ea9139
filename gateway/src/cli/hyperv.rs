//! Between Hyper-V and this gateway: `nvgw import hyperv` and `nvgw export hyperv`.

use std::fmt::Display;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;
use nvgw_hyperv::{
    Document, ExportError, ExportOptions, External, Import, ImportError, Input, Options, Underlay,
};
use nvgw_types::{ProviderAddr, VlanId, Vsid};

use super::CliError;
use super::args::SocketOption;

mod running;

/// Where to import from.
#[derive(Debug, Subcommand)]
pub enum Importer {
    /// What Get-NetVirtualizationLookupRecord, …CustomerRoute, …ProviderAddress and …ProviderRoute print through
    /// ConvertTo-Json
    ///
    /// The document goes to standard output; what was not taken, and what is still to be said, to standard error.
    Hyperv(Box<ImportHyperv>),
}

/// Where to export to.
#[derive(Debug, Subcommand)]
pub enum Exporter {
    /// A PowerShell script that points Hyper-V's compute hosts at this gateway
    Hyperv(ExportHyperv),
}

/// What to make of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A configuration, for nvgw run
    Config,
    /// A change document, for nvgw apply
    Changes,
}

/// `nvgw import hyperv`.
#[derive(Debug, Args)]
pub struct ImportHyperv {
    /// The JSON documents, read as one
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// What to write
    #[arg(long = "as", value_name = "FORM", default_value = "config")]
    form: Form,
    /// A name for the tenant of a routing domain, else rd- and the beginning of its ID; may be given several times
    #[arg(long = "tenant-name", value_name = "GUID=NAME", value_parser = pair::<String>)]
    tenant_names: Vec<(String, String)>,
    /// The gateway's own address in a virtual subnet, where it is not what the documents or Hyper-V's convention say;
    /// may be given several times
    #[arg(long = "gateway", value_name = "VSID=ADDRESS", value_parser = gateway)]
    gateways: Vec<(Vsid, IpAddr)>,
    /// The gateway's own provider address with the length of its subnet's prefix
    #[arg(long, value_name = "ADDRESS/LENGTH")]
    provider_address: Option<IpNet>,
    /// The provider network's device: a PCI address or a DPDK vdev
    #[arg(long, value_name = "DEVICE")]
    provider_device: Option<String>,
    /// The provider network's VLAN; left out, untagged
    #[arg(long, value_name = "VLAN", value_parser = vlan)]
    provider_vlan: Option<VlanId>,
    /// The provider site's default gateway
    #[arg(long, value_name = "ADDRESS", requires = "provider_address")]
    provider_gateway: Option<IpAddr>,
    /// The device toward the internet; may be the provider network's
    #[arg(long, value_name = "DEVICE", requires = "external_address")]
    external_device: Option<String>,
    /// The gateway's address toward the internet, with its prefix length
    #[arg(long, value_name = "ADDRESS/LENGTH", requires = "external_device")]
    external_address: Option<IpNet>,
    /// The VLAN toward the internet; left out, untagged
    #[arg(long, value_name = "VLAN", value_parser = vlan, requires = "external_device")]
    external_vlan: Option<VlanId>,
    /// The default gateway toward the internet
    #[arg(long, value_name = "ADDRESS", requires = "external_device")]
    external_gateway: Option<IpAddr>,
    /// Fail where something is skipped
    #[arg(long)]
    strict: bool,
}

/// `nvgw export hyperv`.
#[derive(Debug, Args)]
pub struct ExportHyperv {
    /// The tenant
    #[arg(long, value_name = "NAME")]
    tenant: String,
    /// The gateway's configuration; left out, the running gateway is asked, which knows what was changed since
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The virtual subnet for wildcard record and default route; left out, the first without lookup records, else the
    /// first, of each address family
    #[arg(long, value_name = "VSID", value_parser = vsid)]
    gateway_vsid: Option<Vsid>,
    /// The gateway's provider address that hosts send to; left out, the first that a host can send to
    #[arg(long, value_name = "ADDRESS")]
    provider_address: Option<IpAddr>,
    /// Where the gateway is.
    #[command(flatten)]
    at: SocketOption,
}

/// Why there is nothing to import or export.
#[derive(Debug, thiserror::Error)]
pub enum HypervError {
    /// A document cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The document.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// Documents have mistakes, or options do not fit them.
    #[error("{}", BelowEachOther(.0))]
    Import(#[from] ImportError),
    /// `--strict`, and something was skipped.
    #[error("{} skipped; take what was skipped out of the documents, or leave --strict away",
        if *.0 == 1 { "1 object was".to_owned() } else { format!("{} objects were", .0) })]
    Skipped(usize),
    /// Documents and options are right each for itself, and do not fit together.
    #[error(
        "the configuration that would come of it is wrong; correct the option or the document that says so:\n{0}"
    )]
    Result(nvgw_config::Problems),
    /// There is nothing to export.
    #[error(transparent)]
    Export(#[from] ExportError),
}

/// Documents' mistakes have a line each; the first does not stand behind the program's name.
struct BelowEachOther<'a>(&'a ImportError);

impl Display for BelowEachOther<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            ImportError::Documents(problems) => write!(f, "nothing is imported:\n{problems}"),
            error @ ImportError::Option { .. } => error.fmt(f),
        }
    }
}

/// `nvgw import`: the document to `out`, everything else to `notes`.
pub(super) fn import(from: &Importer, out: &mut impl Write, notes: &mut impl Write) -> Result<(), CliError> {
    let Importer::Hyperv(options) = from;
    let import = read(options)?;
    import.remarks().iter().try_for_each(|remark| writeln!(notes, "{remark}"))?;
    let skipped = import.remarks().iter().filter(|remark| remark.skipped).count();
    if options.strict && skipped > 0 {
        return Err(HypervError::Skipped(skipped).into());
    }
    let text = match options.form {
        Form::Changes => import.to_changes(),
        Form::Config => {
            let configuration = import.to_config(&options.underlay());
            nvgw_config::parse(&configuration.text, "configuration").map_err(HypervError::Result)?;
            configuration.edits.iter().try_for_each(|edit| writeln!(notes, "edit {edit}"))?;
            configuration.text
        }
    };
    Ok(out.write_all(text.as_bytes())?)
}

fn read(options: &ImportHyperv) -> Result<Import, HypervError> {
    let mut documents = Vec::with_capacity(options.files.len());
    for path in &options.files {
        let bytes = std::fs::read(path).map_err(|source| HypervError::Read { path: path.clone(), source })?;
        let origin = path.display().to_string();
        documents.push(Document::read(&origin, &bytes).map_err(ImportError::from)?);
    }
    let given = Options {
        tenant_names: options.tenant_names.clone(),
        gateways: options.gateways.clone(),
        provider_address: options.provider_address,
    };
    Ok(nvgw_hyperv::import(&documents, &given)?)
}

impl ImportHyperv {
    fn underlay(&self) -> Underlay {
        let external = self.external_device.clone().zip(self.external_address);
        Underlay {
            provider_device: self.provider_device.clone(),
            provider_vlan: self.provider_vlan,
            provider_gateway: self.provider_gateway,
            external: external.map(|(device, address)| External {
                device,
                address,
                vlan: self.external_vlan,
                gateway: self.external_gateway,
            }),
        }
    }
}

/// `nvgw export`.
pub(super) fn export(to: &Exporter, out: &mut impl Write) -> Result<(), CliError> {
    let Exporter::Hyperv(ExportHyperv { tenant, config, gateway_vsid, provider_address, at }) = to;
    let options =
        ExportOptions { gateway_vsid: *gateway_vsid, provider_address: provider_address.map(ProviderAddr) };
    let input = match config {
        Some(file) => {
            Input::from_config(&nvgw_config::load(file)?, tenant, &options).map_err(HypervError::from)?
        }
        None => running::input(&at.socket, tenant, &options)?,
    };
    Ok(out.write_all(nvgw_hyperv::export(&input).as_bytes())?)
}

fn pair<T: FromStr<Err: Display>>(text: &str) -> Result<(String, T), String> {
    let (left, right) = text.split_once('=').ok_or("write two values with = between them")?;
    Ok((left.to_owned(), right.parse().map_err(|error: T::Err| error.to_string())?))
}

fn gateway(text: &str) -> Result<(Vsid, IpAddr), String> {
    let (number, address) = pair(text)?;
    Ok((vsid(&number)?, address))
}

fn vsid(text: &str) -> Result<Vsid, String> {
    let number: u64 = text.parse().map_err(|_| "write a number from 4096 to 16777214".to_owned())?;
    Vsid::new(number).map_err(|error| error.to_string())
}

fn vlan(text: &str) -> Result<VlanId, String> {
    let number = text.parse().map_err(|_| "write a number from 1 to 4094".to_owned())?;
    VlanId::new(number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
