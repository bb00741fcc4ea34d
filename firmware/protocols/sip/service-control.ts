/**
 * What a call manager wants of a phone outside calls: `action=` bodies of service control, in a NOTIFY or as a part of a REFER, message waiting in
 * NOTIFY message-summary or in a REFER's bulkupdate.
 */
import { parseTyped } from '../../wire/sip/grammar.ts';
import { headerValue, type Request } from '../../wire/sip/message.ts';
import { partsOf } from '../../wire/sip/multipart.ts';

export interface ServiceControl {
  /** In lower case: `restart`, `reset`, `check-version`, `apply-config`, `call-preservation`, `prt-report`. */
  readonly action: string;
  /** Without its braces; empty when it names none. */
  readonly registerCallId: string;
  readonly configVersionStamp: string;
}

export interface Wishes {
  readonly serviceControl: readonly ServiceControl[];
  /** Null when nothing is said about it. */
  readonly messageWaiting: boolean | null;
}

/** Null for text that is no service control. */
function parseServiceControl(text: string): ServiceControl | null {
  const field = (name: string): string => {
    const match = new RegExp(`^[ \\t]*${name}[ \\t]*=[ \\t]*([^\\r\\n]*)`, 'im').exec(text);
    return (match?.[1] ?? '').trim().replace(/^\{(.*)\}$/, '$1');
  };
  const action = field('action').toLowerCase();
  if (action === '') return null;
  return { action, registerCallId: field('RegisterCallId'), configVersionStamp: field('ConfigVersionStamp') };
}

/** What a NOTIFY or a REFER asks for. */
export function wishesOf(m: Request): Wishes {
  const serviceControl: ServiceControl[] = [];
  let messageWaiting: boolean | null = null;
  const event = parseTyped(headerValue(m, 'Event') ?? '')?.value ?? '';
  for (const { type, text } of partsOf(m)) {
    if (type === 'text/plain' && (m.method === 'REFER' || event === 'service-control')) {
      const control = parseServiceControl(text);
      if (control !== null) serviceControl.push(control);
    }
    if (type === 'application/simple-message-summary' && event === 'message-summary') {
      const match = /^[ \t]*messages-waiting[ \t]*:[ \t]*(yes|no)/im.exec(text);
      if (match !== null) messageWaiting = match[1]!.toLowerCase() === 'yes';
    }
    if (type === 'application/x-cisco-remotecc-request+xml') {
      const lamps = [...text.matchAll(/<mwi>\s*(yes|no)\s*<\/mwi>/gi)].map(([, word]) => word!.toLowerCase() === 'yes');
      if (lamps.length > 0) messageWaiting = lamps.includes(true);
    }
  }
  return { serviceControl, messageWaiting };
}

/** Whether a service control is meant for the registration with these Call-IDs: servers that keep no account of it write none, or zeros. */
export function isForUs({ registerCallId }: ServiceControl, own: readonly string[]): boolean {
  return /^0*$/.test(registerCallId) || own.includes(registerCallId);
}
