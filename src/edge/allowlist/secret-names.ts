// Names by which well-known tools keep secrets. Data only: denied.ts says how a name is compared. Kept by hand; a line for a tool
// that is missing is welcome. Lower case. Dot files need no line for their own sake: below a root they are denied anyway.

/** Denied wherever they stand, also as a root: folders and files that hold nothing else. */
export const SECRET_PARTS: ReadonlySet<string> = new Set(
  words(`
  .bowline .ssh .gnupg .aws .azure .kube .docker .password-store .pki .netrc _netrc .pgpass .my.cnf .mylogin.cnf .npmrc .pypirc
  .htpasswd .git-credentials .vault-token .vault_pass .bash_history .zsh_history .envrc .dockercfg .dockerconfigjson .s3cfg .boto
  .smbcredentials .terraformrc .terraform.d .oci .aliyun .kaggle .snowsql .databrickscfg .age .sops .gem .subversion .gcloud .minio
  .mc .ovhcloud .doctl .flyrc .heroku .wrangler .supabase .netlify .vercel .fly .railway .ngrok2 .ngrok .cloudflared .rclone.conf .passwd-s3fs
  .mutt .muttrc .msmtprc .fetchmailrc .offlineimaprc .isyncrc .mbsyncrc .authinfo .authinfo.gpg .claude.json .codex .huggingface .mozilla
  .thunderbird .purple .irssi .weechat .electrum .bitcoin .ethereum .monero .lnd .solana .keyrings keyrings .gnome-keyring
  shadow gshadow authorized_keys login.keychain login.keychain-db
`),
);

/** Denied below a root, with any ending for copies: files that usually hold secrets and nothing else. */
export const SECRET_FILES: ReadonlySet<string> = new Set(
  words(`
  identity hostkey host_key passwd master.passwd opasswd htpasswd htdigest kubeconfig kube.config admin.conf kubelet.conf super-admin.conf
  controller-manager.conf scheduler.conf kubelet.kubeconfig bootstrap-kubelet.conf k3s.yaml rke2.yaml talosconfig
  service-account.json serviceaccount.json service_account.json application_default_credentials.json access_tokens.db credentials.db
  adc.json gcp-key.json google-services.json googleservice-info.plist legacy_credentials hosts.yml rclone.conf wallet.dat
  key3.db key4.db logins.json logins-backup.json signons.sqlite cert8.db cert9.db cookies.sqlite formhistory.sqlite cookies
  login.json web.data session.key device.json models.yaml state.db owner.key worker.key hash.key join-line.txt
  terraform.tfstate terraform.tfvars credentials.tfrc.json pulumi.passphrase vault.yml vault.yaml ansible-vault.yml vault-password
  vault_password vault-pass vault_pass recovery-codes recovery_codes recoverycodes backup-codes backup_codes backupcodes seed-phrase seed_phrase
  seedphrase mnemonic fish_history wp-config.php localsettings.php settings.local.php database.yml secret_token.rb master.key
  production.key development.key test.key config.secret.js local.settings.json appsettings.secrets.json usersecrets.json
  nm-connection wpa_supplicant.conf hostapd.conf chap-secrets pap-secrets ipsec.secrets strongswan.conf racoon.keys psk.txt openvpn.conf
  rndc.key tsig.key bind.keys krb5.keytab sssd.conf ldap.secret smbpasswd secrets.tdb passdb.tdb sasldb2 sudoers grub.cfg
  tls.key client.key ca.key server.key privkey.pem cert-key.pem jwt.key jwtrs256.key signing.key age.key keys.txt
  connection.rdp filezilla.xml sitemanager.xml recentservers.xml winscp.ini mremoteng.xml confcons.xml putty.reg
  id_token refresh_token access_token auth.json accounts.xml accounts.json tokens.json token.json tokencache.json msal_token_cache.json
  accesstokens.json azureprofile.json cookies.txt
  login_data login-data saved_logins
`),
);

/** The same, with a space in their names. */
export const SECRET_SPACED: ReadonlySet<string> = new Set([
  'login data',
  'login data for account',
  'web data',
  'local state',
]);

/** A folder and what in it is secret, where neither name alone says so. */
export const SECRET_PLACES: readonly string[] = words(`
  aws/credentials aws/config gcloud/credentials git/credentials gh/hosts.yml containers/auth.json sops/age/keys.txt docker/config.json kube/config fish/fish_history
  op/config hub/config rclone/rclone.conf doctl/config.yaml heroku/credentials wrangler/config/default.toml keystore/* keyrings/*
  private-keys-v1.d/* etc/shadow etc/passwd ssl/private/* letsencrypt/live/* letsencrypt/archive/* letsencrypt/accounts/* wireguard/*
  networkmanager/system-connections/* openvpn/client/* ipsec.d/private/* swanctl/private/* secrets/*.yaml secrets/*.yml secrets/*.json
  run/secrets/* proc/*/environ chrome/default/* chromium/default/* google-chrome/default/* brave-browser/default/* microsoft-edge/default/*
  firefox/profiles/* thunderbird/profiles/* bitwarden/data.json signal/config.json slack/storage/* discord/local*storage/* keybase/config.json
`);

/** Words that, as the whole of a name before its ending, say what is in the file; with `DATA` endings. */
export const SECRET_WORDS: ReadonlySet<string> = new Set(
  words(`
  secret secrets password passwords passphrase passphrases passwd pwd pwds pw credential credentials creds cred apikey apikeys api-key api-keys
  api_key api_keys access-key access-keys access_key access_keys accesskeys secret-key secret-keys secret_key secret_keys private-key private-keys
  private_key private_keys privatekey privatekeys token tokens auth-token auth-tokens auth_token auth_tokens bearer-token bearer_token
  env dotenv prod.env logins rootkey accesskey client_secret client-secret clientsecret client_secrets kubeconfig serviceaccountkey
  service-account-key service_account_key service-account service_account firebase-adminsdk keyfile keystore truststore wallet otp totp 2fa wg wireguard openvpn adminsdk
`),
);

/** Endings of files that hold data, not prose about it. */
export const DATA_ENDINGS: ReadonlySet<string> = new Set(
  words(
    'txt text json json5 jsonl yaml yml toml ini cfg conf config csv tsv xml env properties enc kdb db sqlite dat bin lst list log sh rtf',
  ),
);

/** Endings of keys, stores of keys, and files that programs read secrets from. */
export const SECRET_ENDINGS: ReadonlySet<string> = new Set(
  words(`
  pem key p8 p12 pfx pkcs8 pkcs12 der pvk spc snk keystore jks jceks bks kdb kdbx ppk gpg pgp asc ovpn keytab age priv private secret secrets
  kubeconfig tfstate tfvars tfrc keychain keychain-db agilekeychain opvault 1pif psafe3 psafe enpass pcap mobileconfig mobileprovision
  env rdp remmina jnlp htpasswd netrc dmp
`),
);

/** Before `_`, `-`, `.` or a digit, or after one: names of private keys as ssh makes them. */
export const SSH_KEYS: readonly string[] = words(
  'id_rsa id_dsa id_ecdsa id_ed25519 id_xmss identity_rsa ssh_host_rsa_key ssh_host_dsa_key ssh_host_ecdsa_key ssh_host_ed25519_key ssh_host_key',
);

/** What editors, people and programs put after (or before) the name of a copy. */
export const COPY_ENDINGS: ReadonlySet<string> = new Set(
  words(`
  bak backup bkp bck old orig original save saved sav prev previous tmp temp swp swo swn copy new dist rpmsave rpmnew rpmorig dpkg-old
  dpkg-dist dpkg-new ucf-old ucf-dist pacsave pacnew disabled off local
`),
);

/** Endings under which a copy hides what it is: read as text, packed or coded. */
export const WRAPPINGS: ReadonlySet<string> = new Set(
  words('txt text gz bz2 xz zst zip 7z tar tgz b64 base64 hex enc part crdownload'),
);

/** Templates that hold no secret, by convention. */
export const TEMPLATES: ReadonlySet<string> = new Set(words('example sample template tmpl tpl dist skel stub'));

function words(text: string): string[] {
  return text.trim().split(/[ \n]+/);
}
