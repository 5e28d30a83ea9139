# Tenant red: its gateway is nvgw, at provider address 100.64.20.10.
# Run it on every compute host, as administrator. Where VMM manages the hosts, VMM must know the gateway
# as well: it takes away what it has not made itself, at the latest when a VM is migrated.
param(
    # The router of this host's provider subnet that leads to 100.64.20.0/24; hosts in that subnet need none.
    [string] $ProviderNextHop
)
$ErrorActionPreference = 'Stop'
$domain = '{6c1a3a52-3d2b-4c0e-9a65-0d7a5f0c9e01}'
$tenant = 'red'

# The gateway's provider subnet is 100.64.20.0/24. These hosts are in others, and need a provider route there.
# Where VMM manages them, give the IP pool of their network site a default gateway instead: that lasts.
$elsewhere = '100.64.10.2'
$here = Get-NetVirtualizationProviderAddress | Where-Object { $elsewhere -contains $_.ProviderAddress } | Select-Object -First 1
if ($here) {
    if (-not $ProviderNextHop) { throw 'name the router of 100.64.20.0/24 with -ProviderNextHop' }
    Get-NetVirtualizationProviderRoute -InterfaceIndex $here.InterfaceIndex -DestinationPrefix '100.64.20.0/24' -ErrorAction SilentlyContinue | Remove-NetVirtualizationProviderRoute
    New-NetVirtualizationProviderRoute -InterfaceIndex $here.InterfaceIndex -DestinationPrefix '100.64.20.0/24' -NextHop $ProviderNextHop
}

# Virtual subnet 10.0.1.0/24: it is on-link, and the gateway is at 10.0.1.1.
if (-not (Get-NetVirtualizationCustomerRoute -RoutingDomainID $domain -VirtualSubnetID 5001 -DestinationPrefix '10.0.1.0/24' -ErrorAction SilentlyContinue)) {
    New-NetVirtualizationCustomerRoute -RoutingDomainID $domain -VirtualSubnetID 5001 -DestinationPrefix '10.0.1.0/24' -NextHop '0.0.0.0' -Metric 255
}
Get-NetVirtualizationLookupRecord -CustomerAddress '10.0.1.1' -VirtualSubnetID 5001 -ErrorAction SilentlyContinue | Remove-NetVirtualizationLookupRecord
New-NetVirtualizationLookupRecord -CustomerAddress '10.0.1.1' -VirtualSubnetID 5001 -MACAddress '02005E0001AF' -ProviderAddress '100.64.20.10' -Rule TranslationMethodEncap -CustomerID $domain -Context $tenant

# Virtual subnet 10.0.9.0/24: it is on-link, and the gateway is at 10.0.9.2.
if (-not (Get-NetVirtualizationCustomerRoute -RoutingDomainID $domain -VirtualSubnetID 5009 -DestinationPrefix '10.0.9.0/24' -ErrorAction SilentlyContinue)) {
    New-NetVirtualizationCustomerRoute -RoutingDomainID $domain -VirtualSubnetID 5009 -DestinationPrefix '10.0.9.0/24' -NextHop '0.0.0.0' -Metric 255
}
Get-NetVirtualizationLookupRecord -CustomerAddress '10.0.9.2' -VirtualSubnetID 5009 -ErrorAction SilentlyContinue | Remove-NetVirtualizationLookupRecord
New-NetVirtualizationLookupRecord -CustomerAddress '10.0.9.2' -VirtualSubnetID 5009 -MACAddress '02005E0001AF' -ProviderAddress '100.64.20.10' -Rule TranslationMethodEncap -CustomerID $domain -Context $tenant

# The wildcard record: packets from and to addresses that no record names belong to the gateway.
Get-NetVirtualizationLookupRecord -VirtualSubnetID 5001 -Type GatewayWildcard -ErrorAction SilentlyContinue | Remove-NetVirtualizationLookupRecord
Get-NetVirtualizationLookupRecord -VirtualSubnetID 5009 -Type GatewayWildcard -ErrorAction SilentlyContinue | Remove-NetVirtualizationLookupRecord
# It stands in the gateway's virtual subnet, 10.0.9.0/24 (VSID 5009).
New-NetVirtualizationLookupRecord -CustomerAddress '0.0.0.0' -VirtualSubnetID 5009 -MACAddress '02005E0001AF' -ProviderAddress '100.64.20.10' -Rule TranslationMethodEncap -Type GatewayWildcard -CustomerID $domain -Context $tenant

# The default customer route leads to the gateway.
Get-NetVirtualizationCustomerRoute -RoutingDomainID $domain -DestinationPrefix '0.0.0.0/0' -ErrorAction SilentlyContinue | Remove-NetVirtualizationCustomerRoute
New-NetVirtualizationCustomerRoute -RoutingDomainID $domain -VirtualSubnetID 5009 -DestinationPrefix '0.0.0.0/0' -NextHop '10.0.9.2' -Metric 255
