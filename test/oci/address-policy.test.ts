import { reachOf, systemAddresses } from "../../src/oci/address-policy.ts";

describe("reachOf()", () => {
  test.each([
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["::1", "loopback"],
    ["0:0:0:0:0:0:0:1", "loopback"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:7f00:1", "loopback"],
    ["10.1.2.3", "private"],
    ["172.16.0.1", "private"],
    ["172.31.255.255", "private"],
    ["192.168.1.1", "private"],
    ["100.64.0.1", "private"],
    ["198.18.0.1", "private"],
    ["fd12::1", "private"],
    ["fec0::1", "private"],
    ["::ffff:10.0.0.1", "private"],
    ["64:ff9b::10.0.0.1", "private"],
    ["2002:a00:1::", "private"],
    ["2001::1", "private"],
    ["8.8.8.8", "public"],
    ["172.32.0.1", "public"],
    ["100.128.0.1", "public"],
    ["2606:4700::1111", "public"],
    ["::ffff:8.8.8.8", "public"],
    ["64:ff9b::808:808", "public"],
    ["169.254.169.254", "never"],
    ["169.254.0.1", "never"],
    ["::ffff:169.254.169.254", "never"],
    ["::ffff:a9fe:a9fe", "never"],
    ["::169.254.169.254", "never"],
    ["::ffff:0:a9fe:a9fe", "never"],
    ["64:ff9b::a9fe:a9fe", "never"],
    ["2002:a9fe:a9fe::1", "never"],
    ["fe80::1", "never"],
    ["fe80::1%eth0", "never"],
    ["febf::1", "never"],
    ["fd00:ec2::254", "never"],
    ["0.0.0.0", "never"],
    ["0.1.2.3", "never"],
    ["::", "never"],
    ["::ffff:0.0.0.0", "never"],
    ["224.0.0.1", "never"],
    ["255.255.255.255", "never"],
    ["ff02::1", "never"],
    ["100.100.100.200", "never"],
    ["168.63.129.16", "never"],
    ["", "never"],
    ["localhost", "never"],
    ["0x7f.1", "never"],
  ])("tells that %j is %s", (address, reach) => {
    expect(reachOf(address)).toBe(reach);
  });
});

test("systemAddresses resolves localhost to loopback only", async () => {
  const found = await systemAddresses.lookup("localhost");
  expect(found.length).toBeGreaterThan(0);
  expect(found.map(reachOf)).toEqual(found.map(() => "loopback"));
});
