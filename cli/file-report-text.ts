import type { FileReport, RecordReport } from './file-report.ts';

/** A report as people read it. */
export function reportLines(report: FileReport): string[] {
  const { file, kind, outcome, reason, detail, size } = report;
  const lines = [`${file}: ${kind}, ${size} octets, ${outcome}${reason === undefined ? '' : ` (${reason})`}`];
  const fact = (name: string, value: string | number | null | undefined) => {
    if (value !== undefined && value !== null) lines.push(`  ${name.padEnd(11)} ${value}`);
  };
  fact('why', detail);
  fact('root', report.root);
  fact('name within', report.filename);
  fact('version', versionText(report));
  fact('signed', typeof report.timestamp === 'number' ? new Date(report.timestamp * 1_000).toISOString() : null);
  fact('digest', report.digest);
  fact('signer', report.signer?.subject);
  fact('issuer', report.signer?.issuer);
  fact('serial', report.signer?.serial);
  fact('payload', payloadText(report));
  if (report.records !== undefined) lines.push(...recordLines(report.records));
  fact('load', report.image?.load);
  fact('models', report.image?.models.join(' '));
  fact('signed by', report.image?.keyId);
  fact('phone', phoneText(report));
  for (const slot of report.flash?.slots ?? []) fact(`slot ${slot.slot}`, [slot.state, slot.load].join(' ').trim());
  return lines;
}

function versionText({ version, signerVersion }: FileReport): string | undefined {
  if (version === undefined || !signerVersion) return version;
  return `${version}, advanced algorithms ${signerVersion}`;
}

function payloadText({ payloadSize, payloadSha256 }: FileReport): string | null {
  return payloadSize === undefined ? null : `${payloadSize} octets, SHA-256 ${payloadSha256}`;
}

function phoneText({ flash }: FileReport): string | null {
  if (flash === undefined) return null;
  const { model, serial } = flash.identity;
  return `${model}, ${serial}`;
}

const COLUMNS = ['role', 'subject', 'issuer', 'serial', 'valid', 'key', 'hash', 'server'] as const;

/** As a table. An issuer that is the subject is left out, and hashes are cut: the whole ones are in --json. */
function recordLines(records: readonly RecordReport[]): string[] {
  const rows = records.map((record) => [
    record.role ?? `role ${record.roleCode}`,
    record.subject ?? '(no certificate)',
    record.issuer === record.subject ? 'itself' : (record.issuer ?? ''),
    record.serial ?? '',
    record.notBefore === null ? '' : `${record.notBefore.slice(0, 10)} to ${record.notAfter?.slice(0, 10) ?? ''}`,
    record.key ?? '',
    record.certificateHash?.slice(0, 16) ?? '',
    [record.dns, record.ip].filter((text) => text !== '' && text !== null).join(' '),
  ]);
  const table = [[...COLUMNS], ...rows];
  const widths = COLUMNS.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd());
}
