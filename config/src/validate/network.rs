//! What sites and external networks have in common: an interface on a port, addresses of ours, neighbours.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use ipnet::IpNet;
use nvgw_types::{PortId, VlanId};

use crate::document::{Address, Document, Mtu, Name, Vlan};
use crate::model::{ExternalIndex, NetworkRef, SiteIndex};
use crate::prefixes::Prefixes;
use crate::reader::{Field, Reader, Spanned};
use crate::rules::{Refusal, check_not_edge};
use crate::tree::NodeId;

use super::names::Names;
use super::system::Ports;

/// What is known of the networks that the gateway is on.
pub(super) struct Networks {
    pub(super) names: Names<NetworkRef>,
    pub(super) sites: Vec<Connected>,
    pub(super) external: Vec<Connected>,
    /// Whether every site and external network could be read.
    pub(super) whole: bool,
    interfaces: HashMap<(PortId, Option<VlanId>), NodeId>,
}

impl Networks {
    pub(super) fn new(document: &Document) -> Self {
        let sites = document.provider.value().map(|provider| &provider.sites);
        let whole = sites.is_some_and(Field::is_whole) && document.external.is_whole();
        Self {
            names: Names::new("network", whole),
            sites: Vec::new(),
            external: Vec::new(),
            whole,
            interfaces: HashMap::new(),
        }
    }

    pub(super) fn get_mut(&mut self, network: NetworkRef) -> &mut Connected {
        match network {
            NetworkRef::Site(SiteIndex(i)) => &mut self.sites[i],
            NetworkRef::External(ExternalIndex(i)) => &mut self.external[i],
        }
    }

    /// The subnets of all sites.
    pub(super) fn site_subnets(&self) -> impl Iterator<Item = IpNet> {
        self.sites.iter().flat_map(|site| &site.prefixes).map(|(net, _)| *net)
    }

    /// The site whose subnet holds an address.
    pub(super) fn sites_by_address(&self) -> Prefixes<SiteIndex> {
        let subnets = self.sites.iter().enumerate();
        let subnets =
            subnets.flat_map(|(i, site)| site.prefixes.iter().map(move |(net, _)| (*net, SiteIndex(i))));
        Prefixes::new(subnets).0
    }

    /// The external network whose connected prefix holds an address.
    pub(super) fn external_by_address(&self) -> Prefixes<ExternalIndex> {
        let connected = self.external.iter().enumerate();
        let connected = connected
            .flat_map(|(i, network)| network.prefixes.iter().map(move |(net, _)| (*net, ExternalIndex(i))));
        Prefixes::new(connected).0
    }

    /// Reports sites, and shared external networks, that overlap. A tenant's hand-offs are in the
    /// tenant's own world: see [`Self::check_hand_offs`].
    pub(super) fn check_overlaps(&self, reader: &mut Reader<'_>) {
        let shared: Vec<&Connected> = self.external.iter().filter(|network| network.shared).collect();
        let sites: Vec<&Connected> = self.sites.iter().collect();
        for world in [sites, shared] {
            let prefixes = world.iter().enumerate();
            let prefixes = prefixes
                .flat_map(|(i, network)| network.prefixes.iter().map(move |(net, node)| (*net, (*node, i))));
            report_overlaps(reader, prefixes);
        }
    }

    /// Reports networks of a tenant's own that overlap each other or its subnets: they share its VRF.
    pub(super) fn check_hand_offs(
        &self,
        reader: &mut Reader<'_>,
        own: impl Iterator<Item = ExternalIndex>,
        subnets: impl Iterator<Item = (IpNet, NodeId)>,
    ) {
        let prefixes_of = |ExternalIndex(i)| {
            let prefixes: &[(IpNet, NodeId)] = &self.external[i].prefixes;
            prefixes.iter().map(move |(net, node)| (*net, (*node, i)))
        };
        // What subnets say to each other is reported elsewhere.
        let subnets = subnets.map(|(net, node)| (net, (node, usize::MAX)));
        report_overlaps(reader, own.flat_map(prefixes_of).chain(subnets));
    }

    /// Resolves what a network says of its interface; reports one that another network has.
    pub(super) fn interface(
        &mut self,
        reader: &mut Reader<'_>,
        ports: &Ports,
        node: NodeId,
        port: &Field<Name>,
        vlan: &Field<Vlan>,
        mtu: &Field<Mtu>,
    ) -> Option<Interface> {
        let port_id = ports.names.resolve(reader, port)?;
        let port_mtu = ports.mtus.get(port_id.index()).copied().flatten();
        let own_mtu = mtu.given();
        if let (Some(own), Some(most)) = (own_mtu, port_mtu)
            && own.value.0 > most
        {
            let message = format!("mtu {} is more than the port's, {most}", own.value.0);
            let hint = format!("write {most} or less, or raise the port's mtu");
            reader.problem(own.node, Refusal::new(message, hint));
        }
        let vlan_id = vlan.optional()?.map(|vlan| vlan.0);
        let at = vlan.given().map_or(node, |vlan| vlan.node);
        if let Some(other) = self.interfaces.insert((port_id, vlan_id), node) {
            let (what, hint) = match vlan_id {
                Some(vlan) => (format!("VLAN {vlan}"), "write another VLAN or another port"),
                None => ("untagged traffic".to_owned(), "give one of them a vlan, or write another port"),
            };
            let message = format!("{what} of this port is taken by {}", reader.place(other));
            reader.problem(at, Refusal::new(message, hint));
        }
        Some(Interface {
            port: port_id,
            vlan: vlan_id,
            mtu: mtu.optional()?.map_or(port_mtu, |mtu| Some(mtu.0))?,
        })
    }
}

/// Reports prefixes of different networks that overlap; each comes with the node that says so and its network.
fn report_overlaps(reader: &mut Reader<'_>, prefixes: impl Iterator<Item = (IpNet, (NodeId, usize))>) {
    for overlap in Prefixes::new(prefixes).1 {
        let (inner, (inner_node, inner_network)) = overlap.inner;
        let (outer, (outer_node, outer_network)) = overlap.outer;
        // Several addresses in one prefix of one network are fine.
        if inner_network == outer_network {
            continue;
        }
        let (net, node, other, other_node) = if inner_node > outer_node {
            (inner, inner_node, outer, outer_node)
        } else {
            (outer, outer_node, inner, inner_node)
        };
        let message = format!("{net} overlaps {other} of {}", reader.place(other_node));
        reader.problem(node, Refusal::new(message, "write prefixes that do not overlap"));
    }
}

/// An interface of a network.
pub(super) struct Interface {
    pub(super) port: PortId,
    pub(super) vlan: Option<VlanId>,
    pub(super) mtu: u16,
}

/// What is known of one network.
#[derive(Default)]
pub(super) struct Connected {
    /// The connected prefixes, each with the node that says so.
    pub(super) prefixes: Vec<(IpNet, NodeId)>,
    /// Our own addresses.
    pub(super) own: HashMap<IpAddr, NodeId>,
    /// Addresses of other stations that the document speaks of.
    pub(super) others: BTreeMap<IpAddr, NodeId>,
    /// The biggest IP packet, in bytes, as far as it could be read.
    pub(super) mtu: Option<u16>,
    /// Whether it belongs to no tenant.
    pub(super) shared: bool,
    /// Whether everything could be read.
    pub(super) whole: bool,
}

impl Connected {
    /// Adds an address of ours; reports one given twice.
    pub(super) fn add_own(&mut self, reader: &mut Reader<'_>, node: NodeId, address: IpAddr) {
        if let Some(first) = self.own.insert(address, node) {
            let message = format!("{address} is given twice, first by {}", reader.place(first));
            reader.problem(node, Refusal::new(message, "keep one of them"));
        }
    }

    /// Adds an address of another station.
    pub(super) fn add_other(&mut self, address: &Spanned<Address>) {
        self.others.entry(address.value.0).or_insert(address.node);
    }

    /// The connected prefix that holds an address.
    pub(super) fn prefix_of(&self, address: IpAddr) -> Option<IpNet> {
        let mut nets = self.prefixes.iter().map(|(net, _)| *net);
        nets.find(|net| net.contains(&address))
    }

    /// Whether a neighbour, which is a `what` here, can have the address; reports why not.
    pub(super) fn check_neighbor(
        &self,
        reader: &mut Reader<'_>,
        what: &str,
        address: &Spanned<Address>,
    ) -> bool {
        let Spanned { node, value } = address;
        let address = value.0;
        let verdict = match self.prefix_of(address) {
            _ if self.own.contains_key(&address) => Err(Refusal::new(
                format!("{what} {address} is our own address"),
                "write the address of another station on the network",
            )),
            Some(net) => check_not_edge(what, address, net),
            None if !self.whole => return false,
            None => Err(self.not_connected(what, address)),
        };
        reader.check(*node, verdict)
    }

    fn not_connected(&self, what: &str, address: IpAddr) -> Refusal {
        let nets: Vec<String> = self.prefixes.iter().map(|(net, _)| net.to_string()).collect();
        Refusal::new(
            format!("{what} {address} is on no connected network"),
            format!("write an address inside {}", nets.join(" or ")),
        )
    }
}
