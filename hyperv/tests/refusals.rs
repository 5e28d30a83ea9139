//! Every mistake that documents can have, each with its place.
//!
//! A case changes one spot of a right document. `¦` in the new text marks where the problem is to be reported; it is
//! taken out before the document is read. The problem must be the only one.

use nvgw_hyperv::{Document, ImportError, Options, Problem, import};

const RIGHT: &str = r#"{
  "Records": [
    { "VirtualSubnetID": 5001, "CustomerAddress": "10.0.1.5", "MACAddress": "00155D000005",
      "ProviderAddress": "100.64.10.2", "Rule": 1, "Type": 0, "Unusable": false, "VMName": "é" },
    { "VirtualSubnetID": 5002, "CustomerAddress": "10.0.2.6", "MACAddress": "00155D000006",
      "ProviderAddress": "100.64.10.3" }
  ],
  "Routes": [
    { "RoutingDomainID": "{6C1A3A52-3D2B-4C0E-9A65-0D7A5F0C9E01}", "VirtualSubnetID": 5001,
      "DestinationPrefix": "10.0.1.0/24", "NextHop": "0.0.0.0", "Metric": 255 },
    { "RoutingDomainID": "{6C1A3A52-3D2B-4C0E-9A65-0D7A5F0C9E01}", "VirtualSubnetID": 5002,
      "DestinationPrefix": "10.0.2.0/24", "NextHop": "0.0.0.0" },
    { "RoutingDomainID": "{6C1A3A52-3D2B-4C0E-9A65-0D7A5F0C9E01}", "VirtualSubnetID": 5001,
      "DestinationPrefix": "172.16.0.0/16", "NextHop": "10.0.2.6" }
  ],
  "Addresses": { "ProviderAddress": "100.64.10.2", "PrefixLength": 24 },
  "ProviderRoutes": [{ "DestinationPrefix": "0.0.0.0/0", "NextHop": "100.64.10.1", "InterfaceIndex": 13 }]
}
"#;

fn problems(text: &str) -> Vec<Problem> {
    let documents = match Document::read("test.json", text.as_bytes()) {
        Ok(document) => [document],
        Err(problems) => return problems.iter().cloned().collect(),
    };
    match import(&documents, &Options::default()) {
        Ok(_) => Vec::new(),
        Err(ImportError::Documents(problems)) => problems.iter().cloned().collect(),
        Err(error) => panic!("{error}"),
    }
}

/// Takes the mark out of a text; its line and column.
fn unmark(text: &str) -> (String, usize, usize) {
    let (before, after) = text.split_once('¦').expect("the case has a mark");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (format!("{before}{after}"), line, column)
}

#[test]
fn the_right_document_is_right() {
    assert_eq!(problems(RIGHT), []);
}

#[test]
fn each_mistake_is_told_alone_with_its_place() {
    // What is replaced, the new text, the path, and parts of message and hint.
    let cases = [
        (
            r#""10.0.1.5""#,
            r#"¦"10.0.1.256""#,
            "Records[0].CustomerAddress",
            "\"10.0.1.256\" is no IP address",
            "as in 10.0.1.5",
        ),
        (
            r#""CustomerAddress": "10.0.1.5""#,
            r#""CustomerAddress": ¦"10.0.9.5""#,
            "Records[0].CustomerAddress",
            "10.0.9.5 is no station's address in 10.0.1.0/24",
            "VSID 5001",
        ),
        (r#""10.0.1.5""#, r#"¦"10.0.1.255""#, "Records[0].CustomerAddress", "no station's address", ""),
        (r#""10.0.1.5""#, r#"¦[]"#, "Records[0].CustomerAddress", "no IP address", "write an IP address"),
        (
            r#""00155D000005""#,
            r#"¦"00155D00000""#,
            "Records[0].MACAddress",
            "no Ethernet address",
            "00155D000005",
        ),
        (
            r#""00155D000005""#,
            r#"¦"01155D000005""#,
            "Records[0].MACAddress",
            "01:15:5d:00:00:05 is no station's",
            "VM's",
        ),
        (r#""00155D000005""#, r#"¦"""#, "Records[0].MACAddress", "MACAddress is missing", "00155D000005"),
        (
            r#"{ "VirtualSubnetID": 5001, "CustomerAddress""#,
            r#"¦{ "VirtualSubnetID": null, "CustomerAddress""#,
            "Records[0]",
            "VirtualSubnetID is missing",
            "4096",
        ),
        (
            r#"{ "VirtualSubnetID": 5001, "CustomerAddress""#,
            r#"{ "VirtualSubnetID": ¦5009, "CustomerAddress""#,
            "Records[0].VirtualSubnetID",
            "VSID 5009 has no on-link IPv4 customer route",
            "Get-NetVirtualizationCustomerRoute",
        ),
        (
            r#"{ "VirtualSubnetID": 5001, "CustomerAddress""#,
            r#"{ "VirtualSubnetID": ¦16777215, "CustomerAddress""#,
            "Records[0].VirtualSubnetID",
            "\"16777215\" is no VSID",
            "16777214",
        ),
        (
            r#"{ "VirtualSubnetID": 5001, "CustomerAddress""#,
            r#"{ "VirtualSubnetID": ¦50.5, "CustomerAddress""#,
            "Records[0].VirtualSubnetID",
            "\"50.5\" is no VSID",
            "",
        ),
        (
            r#"{ "VirtualSubnetID": 5001, "CustomerAddress""#,
            r#"{ "VirtualSubnetID": 5001, "virtualsubnetid": ¦5002, "CustomerAddress""#,
            "Records[0].VirtualSubnetID",
            "given twice",
            "keep one",
        ),
        (
            r#""100.64.10.2", "Rule""#,
            r#"¦"host1", "Rule""#,
            "Records[0].ProviderAddress",
            "\"host1\" is no IP address",
            "",
        ),
        (r#""Rule": 1"#, r#""Rule": ¦7"#, "Records[0].Rule", "\"7\" is no Rule", "TranslationMethodEncap"),
        (
            r#""Type": 0"#,
            r#""Type": ¦"Statik""#,
            "Records[0].Type",
            "\"Statik\" is no Type",
            "Static, Dynamic, GatewayWildcard, L2Only",
        ),
        (r#""Unusable": false"#, r#""Unusable": ¦0"#, "Records[0].Unusable", "no boolean", "true or false"),
        (
            r#""DestinationPrefix": "10.0.1.0/24""#,
            r#""DestinationPrefix": ¦"10.0.1.0/33""#,
            "Routes[0].DestinationPrefix",
            "no prefix",
            "10.0.1.0/24",
        ),
        (
            r#""NextHop": "10.0.2.6""#,
            r#""NextHop": ¦"10.0.7.6""#,
            "Routes[2].NextHop",
            "next hop 10.0.7.6 is no station",
            "on-link route",
        ),
        (r#""Metric": 255"#, r#""Metric": ¦-1"#, "Routes[0].Metric", "\"-1\" is no metric", "4294967295"),
        (
            r#""PrefixLength": 24"#,
            r#""PrefixLength": ¦33"#,
            "Addresses.PrefixLength",
            "100.64.10.2 has not 33 bits",
            "as in 24",
        ),
        (
            r#"{ "DestinationPrefix": "0.0.0.0/0""#,
            r#"¦{ "Destination": "0.0.0.0/0""#,
            "ProviderRoutes[0]",
            "no object of Hyper-V that is known here",
            "ConvertTo-Json",
        ),
        (
            r#"{ "ProviderAddress": "100.64.10.2", "PrefixLength": 24 }"#,
            r#"¦{ "Mtu": 24 }"#,
            "Addresses",
            "no object of Hyper-V that is known here",
            "",
        ),
        (
            r#"{ "ProviderAddress": "100.64.10.2", "PrefixLength": 24 }"#,
            "¦17",
            "Addresses",
            "no object of Hyper-V",
            "ConvertTo-Json",
        ),
        (
            r#"{ "ProviderAddress": "100.64.10.2", "PrefixLength": 24 }"#,
            r#"[¦"MSFT_NetVirtualizationProviderAddressSettingData (InstanceID = \"1\")"]"#,
            "Addresses[0]",
            "ConvertTo-Json cut off",
            "-Depth 4",
        ),
        (
            r#"[{ "DestinationPrefix""#,
            r#"[¦[]], "More": [{ "DestinationPrefix""#,
            "ProviderRoutes[0]",
            "no object of Hyper-V",
            "",
        ),
    ];
    let mut failures = Vec::new();
    for (old, new, path, message, hint) in &cases {
        assert_eq!(RIGHT.matches(old).count(), 1, "{old:?} stands once in the right document");
        let (text, line, column) = unmark(&RIGHT.replacen(old, new, 1));
        let found = problems(&text);
        let as_expected = matches!(&found[..], [problem]
            if problem.path == *path
                && (problem.line, problem.column) == (line, column)
                && problem.message.contains(message)
                && problem.hint.contains(hint));
        if !as_expected {
            failures.push(format!(
                "{new:?}\n  expected {line}:{column}: {path}: {message}; {hint}\n  found {found:#?}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The problems of a changed document, as people read them.
fn told(old: &str, new: &str) -> String {
    assert_eq!(RIGHT.matches(old).count(), 1, "{old:?} stands once in the right document");
    let found = problems(&RIGHT.replacen(old, new, 1));
    found.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

#[test]
fn records_that_disagree_name_each_other() {
    let second = r#"{ "VirtualSubnetID": 5001, "CustomerAddress": "10.0.1.5", "MACAddress": "00155D000005",
      "ProviderAddress": "100.64.10.9" }, { "VirtualSubnetID": 5002"#;
    assert_eq!(
        told(r#"{ "VirtualSubnetID": 5002"#, second),
        "test.json:5:5: Records[1]: 10.0.1.5 in VSID 5001 has another MACAddress or ProviderAddress in Records[0] \
         (test.json:3); the hosts disagree, as they do while a VM moves: export again, or remove the stale one"
    );
}

#[test]
fn a_vsid_has_one_routing_domain() {
    let other = r#"{ "RoutingDomainID": "{00000000-3D2B-4C0E-9A65-0D7A5F0C9E01}", "VirtualSubnetID": 5001,
      "DestinationPrefix": "172.17.0.0/16", "NextHop": "10.0.1.5" } ],
  "Addresses""#;
    assert_eq!(
        told("],\n  \"Addresses\"", &format!(", {other}")),
        "test.json:15:26: Routes[3].RoutingDomainID: VSID 5001 is in routing domain \
         {6C1A3A52-3D2B-4C0E-9A65-0D7A5F0C9E01} already: Routes[0] (test.json:9); one VSID is in exactly one routing \
         domain: remove the customer route that is wrong"
    );
}

#[test]
fn subnets_of_a_routing_domain_do_not_overlap() {
    let found = told(r#""10.0.2.0/24""#, r#""10.0.0.0/16""#);
    assert_eq!(
        found,
        "test.json:10:28: Routes[0].DestinationPrefix: 10.0.1.0/24 overlaps 10.0.0.0/16: Routes[1] (test.json:12); \
         subnets of one routing domain must not overlap"
    );
}

#[test]
fn routes_of_a_routing_domain_without_subnets_are_refused() {
    let lonely = r#"{ "RoutingDomainID": "{00000000-3D2B-4C0E-9A65-0D7A5F0C9E01}", "VirtualSubnetID": 7001,
      "DestinationPrefix": "172.17.0.0/16", "NextHop": "10.0.1.5" } ],
  "Addresses""#;
    assert_eq!(
        told("],\n  \"Addresses\"", &format!(", {lonely}")),
        "test.json:15:26: Routes[3].RoutingDomainID: routing domain {00000000-3D2B-4C0E-9A65-0D7A5F0C9E01} has no \
         on-link customer route; export all of the routing domain's customer routes"
    );
}

#[test]
fn several_mistakes_are_told_together_in_the_order_of_their_places() {
    let text = RIGHT
        .replacen("10.0.1.0/24", "10.0.1.5/32", 1)
        .replacen("100.64.10.1\"", "nowhere\"", 1)
        .replacen("00155D000006", "6", 1);
    let found: Vec<String> = problems(&text).iter().map(Problem::to_string).collect();
    let starts = [
        "test.json:5:77: Records[1].MACAddress: \"6\" is no Ethernet address",
        "test.json:10:28: Routes[0].DestinationPrefix: 10.0.1.5/32 is no subnet of stations",
        "test.json:17:69: ProviderRoutes[0].NextHop: \"nowhere\" is no IP address",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found}\nexpected {start}");
    }
}

#[test]
fn documents_without_customer_routes_give_no_tenant() {
    for text in ["[]", "{}", r#"{ "ProviderAddress": "100.64.10.2", "PrefixLength": 24 }"#] {
        let found = problems(text);
        let [Problem { path, line: 1, column: 1, message, hint, .. }] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!(path, "document");
        assert!(message.starts_with("no routing domain"), "{message}");
        assert!(hint.contains("Get-NetVirtualizationCustomerRoute"), "{hint}");
    }
}

#[test]
fn problems_of_several_files_keep_their_files_together() {
    let read = |origin, text: &str| Document::read(origin, text.as_bytes()).expect("JSON");
    let routes = RIGHT.replacen("10.0.1.0/24", "10.0.1.0/40", 1);
    let documents = [read("b.json", "[{\"CustomerAddress\": 1}]"), read("a.json", &routes)];
    let Err(ImportError::Documents(found)) = import(&documents, &Options::default()) else {
        panic!("the documents are wrong")
    };
    let origins: Vec<&str> = found.iter().map(|problem| problem.origin.as_str()).collect();
    assert_eq!(origins, ["b.json", "b.json", "b.json", "b.json", "a.json"]);
}
