/** What other rooms may use of the lab. */

export type { AutoRegistrationRange } from './auto-registration.ts';
export type { CallManagerEvent } from './call-manager/call-manager-options.ts';
export { CAPF_AUTHENTICATIONS, type CapfOrder } from './capf-server.ts';
export type { Device, DeviceRange, NewDevice } from './device-table.ts';
export { createLab, type Lab, type PortKey } from './lab.ts';
export { LabApi } from './lab-api.ts';
export { CommandError, type CommandResult, LabCommands } from './lab-commands.ts';
export type { LabEvent } from './lab-event.ts';
export type { LabOptions } from './lab-options.ts';
export {
  firmwareFile,
  imageLoad,
  type Load,
  type LoadLine,
  type LoadOptions,
  loadFiles,
  loadsFile,
  vendorLoad,
} from './load-files.ts';
export {
  CLUSTER_STATES,
  type ClusterNode,
  type ClusterState,
  clusterCtl,
  clusterItl,
} from './pki/cluster-lists.ts';
export { encryptFile } from './pki/encrypted-file-writer.ts';
export { FLEET_KEYS, type IdentityHolder, type IdentityKeys, IdentityStock } from './pki/identity-stock.ts';
export { createLabPki, type Identity, publicKeyIn, rolledOver } from './pki/lab-pki.ts';
export {
  certificateIn,
  createPkiFolder,
  PkiFolderError,
  readPkiFolder,
  replaceIdentity,
  SERVICES,
  type ServiceName,
} from './pki/pki-folder.ts';
export { signFile } from './pki/signed-file-writer.ts';
export { type MacRange, RealWireLab, type RealWireOptions, type RealWireOutcome } from './real-wire.ts';
export { type LabSecurity, SECURITY_MODES } from './secure-cluster.ts';
export type { PortOptions, VoiceVlan } from './switch/port-options.ts';
export type { PoweredDevice } from './switch/power-sourcing.ts';
export type { Conflict } from './wire-survey.ts';
