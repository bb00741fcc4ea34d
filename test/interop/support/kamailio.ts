import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import type { Daemon } from './daemon.ts';
import { peerRan } from './interop-run.ts';
import type { PeerNamespace } from './peer-namespace.ts';
import { versionOf } from './versions.ts';

export const KAMAILIO_PRESENT = spawnSync('kamailio', ['-v']).status === 0;

/** PEM files: what the server shows and proves itself with, and who signs the certificates that it wants to see. */
interface KamailioTls {
  readonly address: string;
  readonly certificate: string;
  readonly key: string;
  readonly clientAuthority: string;
}

/**
 * A registrar and proxy with digest: everybody's password is the same. It writes a line for each REGISTER that it has accepted or challenged, and stays in the path
 * of calls (Record-Route).
 */
function configuration(password: string, maxExpires: number, tls: KamailioTls | undefined): string {
  return `#!KAMAILIO
debug=1
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
${tls === undefined ? '' : `enable_tls=yes\nlisten=tls:${tls.address}:5061`}
loadmodule "tm.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "sanity.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
${tls === undefined ? '' : tlsConfiguration(tls)}modparam("usrloc", "db_mode", 0)
modparam("registrar", "max_expires", ${maxExpires})
modparam("registrar", "min_expires", 1)
request_route {
	if (!sanity_check("1511", "7")) {
		xlog("L_ERR", "insane $rm from $si\\n");
		exit;
	}
	if (is_method("REGISTER")) {
		if (!pv_www_authenticate("$td", "${password}", "0")) {
			xlog("L_ERR", "challenged $tU $proto $cs\\n");
			www_challenge("$td", "1");
			exit;
		}
		xlog("L_ERR", "registered $tU $proto $cs $ci\\n");
		if (!save("location")) sl_reply_error();
		exit;
	}
	if (has_totag()) {
		if (loose_route() || is_method("ACK")) {
			t_relay();
			exit;
		}
		sl_send_reply("404", "Not Here");
		exit;
	}
	if (is_method("CANCEL")) {
		if (t_check_trans()) t_relay();
		exit;
	}
	if (is_method("INVITE")) {
		if (!pv_proxy_authenticate("$fd", "${password}", "0")) {
			xlog("L_ERR", "challenged $fU $proto $cs INVITE\\n");
			proxy_challenge("$fd", "1");
			exit;
		}
		consume_credentials();
		record_route();
		if (!lookup("location")) {
			sl_send_reply("404", "Not Found");
			exit;
		}
		xlog("L_ERR", "relayed $fU to $tU $proto $ci\\n");
		t_relay();
		exit;
	}
	sl_send_reply("405", "Method Not Allowed");
}
`;
}

function tlsConfiguration({ certificate, key, clientAuthority }: KamailioTls): string {
  return `loadmodule "tls.so"
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "certificate", "${certificate}")
modparam("tls", "private_key", "${key}")
modparam("tls", "ca_list", "${clientAuthority}")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)
`;
}

/** Kamailio on an address of the namespace, over UDP and TCP, and over TLS on 5061 where it has a certificate. */
export async function startKamailio(
  peers: PeerNamespace,
  address: string,
  options: { readonly password: string; readonly maxExpires: number; readonly tls?: KamailioTls },
): Promise<Daemon> {
  const file = peers.path('kamailio.cfg');
  writeFileSync(file, configuration(options.password, options.maxExpires, options.tls), { mode: 0o644 });
  const listen = ['-l', `udp:${address}:5060`, '-l', `tcp:${address}:5060`];
  const memory = ['-m', '32', '-M', '4'];
  const daemon = peers.start('kamailio', ['kamailio', '-f', file, '-DD', '-E', '-e', ...memory, '-w', '/', ...listen]);
  await daemon.ready('listens', () => (peers.run('ss', '-Hltn').includes(`${address}:5060`) ? true : null));
  const over = options.tls === undefined ? 'UDP and TCP' : 'TLS, with the certificates of both sides';
  peerRan('Kamailio', versionOf('kamailio', '-v'), `SIP registrar with digest over ${over}`);
  return daemon;
}
