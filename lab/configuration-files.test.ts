import { describe, expect, it } from 'vitest';
import { ConfigurationFiles } from './configuration-files.ts';
import { ConfigurationTemplate } from './configuration-template.ts';
import { DeviceTable } from './device-table.ts';

const text = (octets: Uint8Array | null): string => new TextDecoder().decode(octets ?? new Uint8Array(0));

const CALL_MANAGERS = [
  { name: 'cucm-pub', processNodeName: '10.100.0.11', sccpPort: 2000, sipPort: 5060 },
  { name: 'cucm-sub', processNodeName: '10.100.0.12', sccpPort: 2000, sipPort: 5060 },
];

function cluster(): { table: DeviceTable; files: ConfigurationFiles } {
  const table = new DeviceTable();
  table.addRange({
    firstMac: 0x02005e000000,
    count: 40_000,
    model: '7975',
    deviceType: 437,
    firstNumber: 200_000,
    lineCount: 2,
    load: 'SCCP75.9-4-2SR4-2S',
  });
  return { table, files: new ConfigurationFiles({ table, callManagers: CALL_MANAGERS }) };
}

describe('the device table', () => {
  it('derives every device of a range, with its own lines', () => {
    const { table } = cluster();
    expect(table.size).toBe(40_000);
    expect(table.find('SEP02005E009C3F')?.lines.map((line) => line.directoryNumber)).toEqual(['279998', '279999']);
    expect(table.find('SEP02005E009C40')).toBeNull();
  });

  it('keeps a changed row apart from its range, and a deleted one away', () => {
    const { table } = cluster();
    table.change('SEP02005E000001', { load: 'SCCP75.9-3-1' });
    expect(table.find('SEP02005E000001')).toMatchObject({ load: 'SCCP75.9-3-1', revision: 2 });
    expect(table.delete('SEP02005E000002')).toBe(true);
    expect(table.find('SEP02005E000002')).toBeNull();
    expect(table.size).toBe(39_999);
    expect([...table]).toHaveLength(39_999);
    table.add({ name: 'SEP02005E000002', model: '7975', deviceType: 437 });
    expect(table.size).toBe(40_000);
  });

  it('refuses a name that is none', () => {
    expect(() => new DeviceTable().add({ name: 'SEP1234', model: '7975', deviceType: 437 })).toThrow(/SEP1234/);
  });

  it('registers strangers only when told to, and only while numbers last', () => {
    const table = new DeviceTable();
    const model = { model: '7975', deviceType: 437, protocol: 'sccp' } as const;
    expect(table.autoRegister('SEP001122334455', model)).toBeNull();
    table.autoRegistration.range = { firstNumber: 9000, lastNumber: 9001 };
    expect(table.autoRegister('SEP001122334455', model)?.lines[0]?.directoryNumber).toBe('9000');
    expect(table.autoRegister('SEP001122334456', model)?.lines[0]?.directoryNumber).toBe('9001');
    expect(table.autoRegister('SEP001122334457', model)).toBeNull();
    expect(table.find('SEP001122334455')?.description).toBe('Auto 9000');
  });
});

describe('configuration files', () => {
  it('are of the size and shape that CUCM serves', () => {
    const { files } = cluster();
    const octets = files.read('SEP02005E000005.cnf.xml');
    expect(octets?.length).toBeGreaterThan(4096);
    const file = text(octets);
    expect(file).toMatch(/<device xsi:type="axl:XIPPhone" ctiid="\d+" uuid="\{[0-9a-f-]{36}\}">/);
    expect(file).not.toContain('xmlns');
    expect(file).not.toContain('{{');
    expect([...file.matchAll(/<processNodeName>([^<]+)/g)].map(([, name]) => name)).toEqual([
      '10.100.0.11',
      '10.100.0.12',
    ]);
    expect(file).toContain('<loadInformation>SCCP75.9-4-2SR4-2S</loadInformation>');
    expect(file).toMatch(/<versionStamp>\d+-[0-9a-f-]{36}<\/versionStamp>/);
  });

  it('give every element its end', () => {
    const open: string[] = [];
    const { table, files } = cluster();
    table.change('SEP02005E000005', { protocol: 'sip' });
    for (const name of ['SEP02005E000005', 'SEP02005E000006', 'XMLDefault']) {
      const file = text(files.read(`${name}.cnf.xml`));
      for (const [, slash, tag, empty] of file.matchAll(/<(\/?)([\w]+)[^<>]*?(\/?)>/g)) {
        if (slash === '/') expect(open.pop()).toBe(tag);
        else if (empty !== '/') open.push(tag!);
      }
      expect(open).toEqual([]);
    }
  });

  it('are the same each time, and another after a change', () => {
    const { table, files } = cluster();
    const before = files.read('SEP02005E000005.cnf.xml');
    expect(files.read('SEP02005E000005.cnf.xml')).toEqual(before);
    table.change('SEP02005E000005', { description: 'moved' });
    expect(files.read('SEP02005E000005.cnf.xml')).not.toEqual(before);
  });

  it('list call managers in the order of the device', () => {
    const { table, files } = cluster();
    table.change('SEP02005E000005', { callManagers: [1] });
    const file = text(files.read('SEP02005E000005.cnf.xml'));
    expect([...file.matchAll(/<member priority="(\d)">/g)]).toHaveLength(1);
    expect(file).toContain('10.100.0.12');
    expect(file).not.toContain('10.100.0.11');
  });

  it('carry the lines of a SIP telephone', () => {
    const { table, files } = cluster();
    table.change('SEP02005E000005', {
      protocol: 'sip',
      lines: [{ directoryNumber: '4711', label: 'A & B', displayName: 'Ann <1>' }],
    });
    const file = text(files.read('SEP02005E000005.cnf.xml'));
    expect(file).toContain('<featureLabel>A &amp; B</featureLabel>');
    expect(file).toContain('<displayName>Ann &lt;1&gt;</displayName>');
    expect(file).toContain('<name>4711</name>');
  });

  it('do not exist for strangers, trust lists and nonsense; names are matched without case', () => {
    const { files } = cluster();
    for (const name of ['SEP0200FFFFFFFF.cnf.xml', 'CTLSEP02005E000005.tlv', 'ITLFile.tlv', '../etc/passwd', '']) {
      expect(files.read(name)).toBeNull();
    }
    expect(files.read('sep02005e000005.CNF.xml')).not.toBeNull();
    expect(files.read('XmlDefault.cnf.xml')).not.toBeNull();
  });

  it('say in XMLDefault whether strangers may register, and the load of each type', () => {
    const table = new DeviceTable();
    const defaultLoads = [{ deviceType: 437, model: 'Cisco 7975', load: 'SCCP75.9-4-2SR4-2S' }];
    const files = new ConfigurationFiles({ table, callManagers: CALL_MANAGERS, defaultLoads });
    expect(text(files.read('XMLDefault.cnf.xml'))).toContain('<autoRegistration>Disabled<');
    table.autoRegistration.range = { firstNumber: 1000, lastNumber: 1999 };
    const file = text(files.read('XMLDefault.cnf.xml'));
    expect(file).toContain('<autoRegistration>Enabled<');
    expect(file).toContain('<loadInformation437 model="Cisco 7975">SCCP75.9-4-2SR4-2S</loadInformation437>');
  });
});

describe('a configuration template', () => {
  it('rejects a hole that nobody fills', () => {
    expect(() => new ConfigurationTemplate('{{name}} {{nmae}}', ['name'])).toThrow(/nmae/);
  });
});
