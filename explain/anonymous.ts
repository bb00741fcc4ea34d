/** What tells one phone and one network from another, taken out of a text. */
export function anonymous(text: string): string {
  return text
    .replace(/\b(SEP|SIP|CTLSEP|ITLSEP)[0-9A-F]{12}/gi, '$1<MAC>')
    .replace(/\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b/gi, '<MAC>')
    .replace(/\b00000000-0000-0000-0000-[0-9a-f]{12}\b/gi, '<instance>')
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}\b/g, '<address>')
    .replace(/\bstationIpAddr \d+/g, 'stationIpAddr <address>')
    .replace(/\bconfigVersionStamp "[^"]*"/g, 'configVersionStamp <stamp>')
    .replace(/\bCall-ID [^,]+/g, 'Call-ID <id>')
    .replace(/\b(xid|id) (0x)?[0-9a-f]+\b/gi, '$1 <id>');
}
