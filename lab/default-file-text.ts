/** The text of `XMLDefault.cnf.xml`: what a phone reads that has no file of its own. */
import type { CallManagerNode, DefaultLoad } from './configuration-files.ts';
import { escapeXml } from './configuration-template.ts';

export function defaultFileText(
  nodes: readonly CallManagerNode[],
  loads: readonly DefaultLoad[],
  autoRegistration: boolean,
): string {
  const members = nodes.map(
    (node, priority) => `      <member priority="${priority}">
        <callManager>
          <name>${escapeXml(node.name)}</name>
          <ports>
            <ethernetPhonePort>${node.sccpPort}</ethernetPhonePort>
            <sipPort>${node.sipPort}</sipPort>
            <mgcpPorts>
              <listen>2427</listen>
              <keepAlive>2428</keepAlive>
            </mgcpPorts>
          </ports>
          <processNodeName>${escapeXml(node.processNodeName)}</processNodeName>
        </callManager>
      </member>`,
  );
  const loadInformation = loads.map(
    ({ deviceType, model, load }) =>
      `  <loadInformation${deviceType} model="${escapeXml(model)}">${escapeXml(load)}</loadInformation${deviceType}>`,
  );
  return `<?xml version="1.0" encoding="UTF-8"?>
<Default>
  <callManagerGroup>
    <name>Default</name>
    <tftpDefault>true</tftpDefault>
    <members>
${members.join('\n')}
    </members>
  </callManagerGroup>
${loadInformation.join('\n')}
  <autoRegistration>${autoRegistration ? 'Enabled' : 'Disabled'}</autoRegistration>
  <authenticationURL></authenticationURL>
  <directoryURL></directoryURL>
  <idleURL></idleURL>
  <informationURL></informationURL>
  <messagesURL></messagesURL>
  <servicesURL></servicesURL>
</Default>
`;
}
