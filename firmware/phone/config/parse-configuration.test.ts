import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Cpu, isCpuFault } from '../../../device/cpu.ts';
import type { BootRecord } from '../../../hal/entry-points.ts';
import type { Hal } from '../../../hal/hal.ts';
import { bundlePayload } from '../../../images/payload.ts';
import { fuzzRuns } from '../../../test/support/fuzz-runs.ts';
import { sharedVector, sharedVectorNames, sharedVectors } from '../../../test/support/shared-vectors.ts';
import { isProblem, parseConfiguration } from './parse-configuration.ts';
import { describeConfiguration, loadFor, type PhoneConfiguration } from './phone-configuration.ts';

const octetsOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'utf8'));

function configuration(text: string): PhoneConfiguration {
  const parsed = parseConfiguration(octetsOf(text));
  if (isProblem(parsed)) throw new Error(parsed.problem);
  return parsed;
}

const problem = (text: string): string => {
  const parsed = parseConfiguration(octetsOf(text));
  return isProblem(parsed) ? parsed.problem : 'none';
};

const DEVICE = `<?xml version="1.0" encoding="UTF-8"?>
<device xsi:type="axl:XIPPhone" ctiid="406" uuid="{aed907f9}">
  <fullConfig>true</fullConfig>
  <deviceProtocol>SCCP</deviceProtocol>
  <sshUserId>admin</sshUserId>
  <devicePool uuid="{x}">
    <name>Default</name>
    <dateTimeSetting uuid="{y}">
      <dateTemplate>D/M/YA</dateTemplate>
      <timeZone>W. Europe Standard/Daylight Time</timeZone>
      <ntps><ntp><name>10.0.0.9</name><ntpMode>Directed Broadcast</ntpMode></ntp><ntp><name>10.0.0.8</name></ntp></ntps>
    </dateTimeSetting>
    <callManagerGroup>
      <name>Group</name><tftpDefault>false</tftpDefault>
      <members>
        <member priority="1"><callManager><ports><ethernetPhonePort>2001</ethernetPhonePort><sipPort>5062</sipPort></ports>
          <processNodeName>cm2</processNodeName></callManager></member>
        <member priority="0"><callManager><name>One</name><ports><ethernetPhonePort>2000</ethernetPhonePort>
          <securedEthernetPhonePort>2999</securedEthernetPhonePort></ports><processNodeName>10.0.0.1</processNodeName></callManager></member>
      </members>
    </callManagerGroup>
    <srstInfo><srstOption>Enable</srstOption><ipAddr1>10.0.0.7</ipAddr1><port1>2002</port1><ipAddr3>10.0.0.6</ipAddr3>
      <sipIpAddr1/><isSecure>false</isSecure></srstInfo>
    <connectionMonitorDuration>60</connectionMonitorDuration>
  </devicePool>
  <TVS><members><member priority="1"><address>cm2</address></member>
    <member priority="0"><port>2446</port><address>10.0.0.1</address></member></members></TVS>
  <commonProfile><phonePassword>123</phonePassword><backgroundImageAccess>false</backgroundImageAccess></commonProfile>
  <loadInformation>SCCP75.9-4-2SR3-1S</loadInformation>
  <vendorConfig><webAccess>0</webAccess><pcPort/></vendorConfig>
  <commonConfig><webAccess>1</webAccess><sshAccess>1</sshAccess></commonConfig>
  <enterpriseConfig><sshAccess>0</sshAccess><pcPort>1</pcPort></enterpriseConfig>
  <addOnModules><addOnModule idx="1"><deviceType>7916</deviceType><loadInformation>B016</loadInformation></addOnModule></addOnModules>
  <versionStamp>1284570837-abc</versionStamp>
  <userLocale><name>German_Germany</name><langCode>de_DE</langCode><version>9.1</version></userLocale>
  <networkLocale>Germany</networkLocale>
  <networkLocaleInfo><name>Germany</name><version>9.1</version></networkLocaleInfo>
  <deviceSecurityMode>3</deviceSecurityMode>
  <authenticationURL>http://10.0.0.1/a?x=1&amp;y=&#34;2&#x22;</authenticationURL>
  <transportLayerProtocol>4</transportLayerProtocol>
  <capfAuthMode>2</capfAuthMode>
  <capfList><capf><phonePort>3805</phonePort><processNodeName>10.0.0.1</processNodeName></capf></capfList>
  <certHash>12fa</certHash><encrConfig>true</encrConfig>
  <phoneServices useHTTPS="true"><provisioning>2</provisioning>
    <phoneService type="2" category="1"><name>Voicemail</name><url>Application:Cisco/Voicemail</url></phoneService></phoneServices>
</device>`;

describe('a device file', () => {
  it('is read whole', () => {
    const parsed = configuration(DEVICE);
    expect(parsed).toMatchObject({
      root: 'device',
      fullConfig: true,
      deviceProtocol: 'SCCP',
      sshUserId: 'admin',
      devicePool: {
        name: 'Default',
        dateTimeSetting: {
          dateTemplate: 'D/M/YA',
          timeZone: 'W. Europe Standard/Daylight Time',
          ntps: [
            { name: '10.0.0.9', ntpMode: 'Directed Broadcast' },
            { name: '10.0.0.8', ntpMode: 'unicast' },
          ],
        },
        callManagerGroup: { name: 'Group', tftpDefault: false },
        connectionMonitorDuration: 60,
      },
      srstInfo: {
        srstOption: 'Enable',
        sccp: [
          { host: '10.0.0.7', port: 2002 },
          { host: '10.0.0.6', port: 2000 },
        ],
        sip: [],
      },
      tvs: [
        { priority: 0, host: '10.0.0.1', port: 2446 },
        { priority: 1, host: 'cm2', port: 2445 },
      ],
      phonePassword: '123',
      backgroundImageAccess: false,
      loadInformation: 'SCCP75.9-4-2SR3-1S',
      addOnModules: [{ idx: 1, deviceType: '7916', loadInformation: 'B016' }],
      versionStamp: '1284570837-abc',
      userLocale: { name: 'German_Germany', uid: '1', langCode: 'de_DE', version: '9.1' },
      networkLocale: 'Germany',
      networkLocaleInfo: { name: 'Germany', uid: '64', version: '9.1' },
      deviceSecurityMode: 'encrypted',
      transportLayerProtocol: 'tcp',
      capfAuthMode: 2,
      capfList: [{ host: '10.0.0.1', port: 3805 }],
      certHash: '12fa',
      encrConfig: true,
      phoneServices: {
        useHttps: true,
        provisioning: 2,
        services: [{ type: 2, category: 1, name: 'Voicemail', url: 'Application:Cisco/Voicemail' }],
      },
      sipProfile: null,
      remarks: [],
    });
    expect(parsed.urls.authentication).toBe('http://10.0.0.1/a?x=1&y="2"');
    expect(describeConfiguration(parsed)).toBe(
      'SCCP, call managers 10.0.0.1:2000 cm2:2001, load SCCP75.9-4-2SR3-1S, security encrypted, ' +
        'encrypted from the next start on, version 1284570837-abc',
    );
  });

  it('orders call managers by priority and knows their secure port', () => {
    expect(configuration(DEVICE).callManagers).toEqual([
      {
        priority: 0,
        name: 'One',
        host: '10.0.0.1',
        ethernetPhonePort: 2000,
        securedEthernetPhonePort: 2999,
        sipPort: 5060,
        securedSipPort: 5061,
      },
      {
        priority: 1,
        name: '',
        host: 'cm2',
        ethernetPhonePort: 2001,
        securedEthernetPhonePort: 2444,
        sipPort: 5062,
        securedSipPort: 5061,
      },
    ]);
  });

  it('takes the nearest tier that is not empty', () => {
    expect(Object.fromEntries(configuration(DEVICE).vendorConfig)).toEqual({
      webAccess: '0',
      sshAccess: '1',
      pcPort: '1',
    });
  });

  it('has a default for everything', () => {
    const parsed = configuration('<device/>');
    expect(parsed).toMatchObject({
      deviceProtocol: null,
      callManagers: [],
      loadInformation: null,
      deviceSecurityMode: 'none',
      transportLayerProtocol: 'tcp',
      devicePool: { connectionMonitorDuration: 120 },
      srstInfo: { srstOption: 'Disable', sccp: [], sip: [] },
      autoRegistration: null,
      tlsResumptionTimer: 3600,
    });
    expect(loadFor(parsed, 437)).toBeNull();
    expect(describeConfiguration(parsed)).toBe('no protocol named, no call manager, keeps its load, security none');
  });

  it('keeps the SIP profile as it is written, lines apart', () => {
    const parsed =
      configuration(`<device><deviceProtocol>SIP</deviceProtocol><sipProfile><sipProxies><registerWithProxy>true</registerWithProxy></sipProxies>
      <sipStack><timerT1>500</timerT1></sipStack><phoneLabel>Desk</phoneLabel><softKeyFile>SK1.xml</softKeyFile><dialTemplate>DR1.xml</dialTemplate>
      <sipLines><line button="1" lineIndex="1"><featureID>9</featureID><name>1001</name><autoAnswer><autoAnswerEnabled>2</autoAnswerEnabled></autoAnswer></line>
      <line button="2"><featureID>2</featureID><speedDialNumber>42</speedDialNumber></line></sipLines></sipProfile></device>`);
    expect(Object.fromEntries(parsed.sipProfile!.settings)).toEqual({
      registerWithProxy: 'true',
      timerT1: '500',
      phoneLabel: 'Desk',
    });
    expect([parsed.softKeyFile, parsed.dialTemplate]).toEqual(['SK1.xml', 'DR1.xml']);
    expect(
      parsed.sipProfile!.lines.map(({ button, featureID, settings }) => [
        button,
        featureID,
        Object.fromEntries(settings),
      ]),
    ).toEqual([
      [1, 9, { featureID: '9', name: '1001', autoAnswerEnabled: '2' }],
      [2, 2, { featureID: '2', speedDialNumber: '42' }],
    ]);
  });
});

describe('XMLDefault', () => {
  const parsed = configuration(`<Default><callManagerGroup><members><member priority="0"><callManager><ports/>
    <processNodeName>10.0.0.1</processNodeName></callManager></member></members></callManagerGroup>
    <loadInformation437 model="Cisco 7975">SCCP75.9</loadInformation437><loadInformation562 model="iPhone"></loadInformation562>
    <autoRegistration>disabled</autoRegistration><servicesURL>http://10.0.0.3/menu</servicesURL></Default>`);

  it('names loads by device type, call managers and whether to register', () => {
    expect(parsed.modelLoads).toEqual([
      { deviceType: 437, model: 'Cisco 7975', load: 'SCCP75.9' },
      { deviceType: 562, model: 'iPhone', load: '' },
    ]);
    expect([loadFor(parsed, 437), loadFor(parsed, 562), loadFor(parsed, 1)]).toEqual(['SCCP75.9', null, null]);
    expect(parsed.autoRegistration).toBe(false);
    expect(parsed.callManagers).toMatchObject([{ host: '10.0.0.1', ethernetPhonePort: 2000 }]);
    expect(parsed.urls.services).toBe('http://10.0.0.3/menu');
  });
});

describe('what occurs in the field', () => {
  it('ignores stray text, unknown elements with known names inside, and comments', () => {
    const parsed =
      configuration(`<device>--CHANGE ME!<unheardOf><versionStamp>no</versionStamp></unheardOf><!-- <versionStamp>no</versionStamp> -->
      <versionStamp> yes </versionStamp> --CHANGE ME!<loadInformation><![CDATA[A<B]]></loadInformation></device>`);
    expect([parsed.versionStamp, parsed.loadInformation]).toEqual(['yes', 'A<B']);
  });

  it('of an element twice takes the last that is not empty', () => {
    expect(
      configuration('<device><versionStamp>1</versionStamp><versionStamp>2</versionStamp><versionStamp/></device>')
        .versionStamp,
    ).toBe('2');
  });

  it('finds its way back after an end tag that names something else', () => {
    const parsed =
      configuration(`<device><vendorConfig><a>0</b><c>1</c><d>2</x></vendorConfig><versionStamp>3</versionStmp>
      <loadInformation>L</loadInformation></device>`);
    expect(Object.fromEntries(parsed.vendorConfig)).toEqual({ a: '0', c: '1', d: '2' });
    expect([parsed.versionStamp, parsed.loadInformation]).toEqual(['3', 'L']);
  });

  it('keeps the default, with a remark, for a value of no use', () => {
    const parsed =
      configuration(`<device>\n<deviceSecurityMode>9</deviceSecurityMode>\n<encrConfig>maybe</encrConfig><devicePool><callManagerGroup><members>
      <member><callManager><ports><ethernetPhonePort>70000</ethernetPhonePort></ports><processNodeName>a</processNodeName></callManager></member>
      <member><callManager/></member></members></callManagerGroup></devicePool></device>`);
    expect(parsed).toMatchObject({
      deviceSecurityMode: 'none',
      encrConfig: false,
      callManagers: [{ ethernetPhonePort: 2000 }],
    });
    expect(parsed.remarks).toEqual([
      'line 2: <deviceSecurityMode> cannot be "9"',
      'line 3: <encrConfig> cannot be "maybe"',
      'line 4: <ethernetPhonePort> cannot be "70000"',
      'a call manager without processNodeName',
    ]);
  });

  it('reads Latin-1 where the declaration says so, UTF-8 elsewhere, with or without its mark', () => {
    const xml = '<device><versionStamp>é</versionStamp></device>';
    const latin = Buffer.from(`<?xml version="1.0" encoding="iso-8859-1"?>${xml}`, 'latin1');
    expect(parseConfiguration(latin)).toMatchObject({ versionStamp: 'é' });
    expect(configuration(`\ufeff${xml}`).versionStamp).toBe('é');
  });

  it('knows the five entities and numbers, and no others', () => {
    const parsed = configuration(
      '<!DOCTYPE d [<!ENTITY x "y">]><device><versionStamp>&lt;&#65;&nbsp;&x;</versionStamp></device>',
    );
    expect(parsed.versionStamp).toBe('<A&nbsp;&x;');
  });

  it('is not confused by the names of JavaScript', () => {
    const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];
    const elements = names.map((name) => `<${name} ${name}="1">1</${name}>`).join('');
    const parsed = configuration(
      `<device constructor="1" __proto__="2">${elements}<vendorConfig>${elements}</vendorConfig></device>`,
    );
    expect([...parsed.vendorConfig].map(([name]) => name)).toEqual(names);
  });
});

describe('what is no configuration', () => {
  it('is said in one sentence with the line', () => {
    expect(problem('')).toBe('line 1: no element in this file; <device> or <Default> expected');
    expect(problem('just text')).toMatch(/^line 1: no element/);
    expect(problem('<?xml version="1.0"?>\n\n<html><body/></html>')).toBe(
      'line 3: <device> or <Default> expected, <html> found',
    );
    expect(problem('<device>\n<devicePool>\n<name>x</name>')).toBe('line 3: the file ends inside <devicePool>');
    expect(problem(`<device>\n${'<a>'.repeat(100)}</device>`)).toBe('line 2: elements nested deeper than 64');
    expect(problem(`<device><TVS><members>${'<member/>'.repeat(40)}</members></TVS></device>`)).toMatch(
      /more <member> elements/,
    );
  });

  it('does not take long, however deep it is', () => {
    const start = performance.now();
    expect(problem(`<device>${'<a>'.repeat(600_000)}`)).toMatch(/nested deeper/);
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it('never throws', () => {
    const piece = fc.constantFrom(
      '<device>',
      '</device>',
      '<Default>',
      '<member priority="',
      '">',
      '<callManager>',
      '</x>',
      '<a',
      '/>',
      '&#x',
      ';',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      'x',
      '<vendorConfig>',
      '<sipLines><line>',
      '<processNodeName>',
      '\0',
      '<?',
      '"',
    );
    const shaped = fc.array(piece, { maxLength: 30 }).map((pieces) => octetsOf(pieces.join('')));
    const at = fc.tuple(fc.nat(DEVICE.length - 1), fc.nat(255));
    const mutated = fc.array(at, { maxLength: 5 }).map((changes) => {
      return changes.reduce((octets, [where, value]) => octets.fill(value, where, where + 1), octetsOf(DEVICE));
    });
    fc.assert(
      fc.property(fc.oneof(shaped, mutated, fc.uint8Array({ maxLength: 60 })), (octets) => {
        const parsed = parseConfiguration(octets);
        if (isProblem(parsed)) expect(parsed.problem).toMatch(/^line \d+: /);
        else describeConfiguration(parsed);
      }),
      { numRuns: fuzzRuns(0.5) },
    );
  });
});

describe.skipIf(sharedVectors === null)('published files', () => {
  const parsedVector = (name: string): PhoneConfiguration => {
    const parsed = parseConfiguration(sharedVector(`configs/${name}`)!);
    if (isProblem(parsed)) throw new Error(parsed.problem);
    return parsed;
  };

  it('all parse, but for those that have another root', () => {
    const refused = sharedVectorNames('configs').filter((name) =>
      isProblem(parseConfiguration(sharedVector(`configs/${name}`)!)),
    );
    expect(refused).toEqual([
      'csptechnologies__DistinctiveRingList.xml',
      'csptechnologies__Ringlist.xml',
      'csptechnologies__dialplan.xml',
      'csptechnologies__softkeys.xml',
    ]);
  });

  it('with an unbound prefix', () => {
    const parsed = parsedVector('chan-sccp__SEP.cnf.xml_7925_template');
    expect(parsed).toMatchObject({
      deviceProtocol: 'SCCP',
      loadInformation: 'CP7925G-1.4.8.4',
      transportLayerProtocol: 'tcp',
    });
    expect(parsed.vendorConfig.get('adminPassword')).toBe('MyPassword#$%^!');
    expect(parsed.vendorConfig.get('sshAccess')).toBe('1');
  });

  it('that is not well formed', () => {
    const parsed = parsedVector('chan-sccp__SEP.cnf.xml_annotated');
    expect(parsed.callManagers).toHaveLength(2);
    expect(parsed.versionStamp).toBe('{Jan 01 2003 00:00:00}');
    expect(Object.fromEntries(parsed.vendorConfig)).toMatchObject({
      WlanProfile2: '0',
      g722CodecSupport: '2',
      detectCMConnectionFailure: '0',
    });
    expect(parsed.phoneServices.services).toHaveLength(6);
  });

  it('with stray text, for SIP', () => {
    const parsed = parsedVector('csptechnologies__template.xml');
    expect(parsed).toMatchObject({
      deviceProtocol: 'SIP',
      transportLayerProtocol: 'udp',
      dialTemplate: 'dialplan.xml',
    });
    expect(parsed.callManagers).toMatchObject([{ host: 'SERVERIP', sipPort: 5160 }]);
    expect(parsed.sipProfile!.lines[0]!.settings.get('authName')).toBe('EXTEN');
  });

  it('for all models', () => {
    const parsed = parsedVector('chan-sccp__XMLDefault.cnf.xml');
    expect(loadFor(parsed, 437)).toBe('SCCP75.9-3-1SR4-1S');
    expect(parsed.callManagers.map(({ host }) => host)).toEqual(['10.0.0.1', '10.0.0.2']);
  });
});

it('works in the context of a payload, where all is frozen and nothing of the host exists', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sepia-configuration-'));
  const path = (name: string): string => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
  writeFileSync(
    join(directory, 'entry.ts'),
    `import { isProblem, parseConfiguration } from ${path('./parse-configuration.ts')};
     import { describeConfiguration } from ${path('./phone-configuration.ts')};
     export const entry = (hal) => ({
       onFrame(bytes, length) {
         const parsed = parseConfiguration(bytes.subarray(0, length));
         hal.console.write(isProblem(parsed) ? parsed.problem : describeConfiguration(parsed) + [...parsed.vendorConfig]);
       },
     });`,
  );
  try {
    const { body, digest } = await bundlePayload(join(directory, 'entry.ts'));
    const payload = new Cpu().load(digest, () => body);
    if (isCpuFault(payload)) throw new Error(payload.reason);
    const lines: string[] = [];
    const software = payload(
      { console: { write: (line: string) => lines.push(line) } } as unknown as Hal,
      {} as BootRecord,
    );
    const files = sharedVectorNames('configs').map((name) => sharedVector(`configs/${name}`)!);
    const hostile = octetsOf(
      '<device __proto__="x"><vendorConfig><constructor a="b">1</constructor></vendorConfig></device>',
    );
    for (const file of [octetsOf(DEVICE), hostile, octetsOf('<html>'), ...files]) {
      software.onFrame(file, file.length);
      const parsed = parseConfiguration(file);
      expect(lines.at(-1)).toBe(
        isProblem(parsed) ? parsed.problem : describeConfiguration(parsed) + [...parsed.vendorConfig],
      );
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
