// What no configuration lets be written: what a machine or a program runs by itself, or takes its orders from. Where a written file would
// become a program, `allow.write` ends. Judged by path alone, on what was asked for and on what was opened.
import { namePattern } from '../../base/glob.ts';
import { normalForm } from '../../base/normal-form.ts';

/** Folders of the system, whatever is in them. */
const SYSTEM = [
  '/etc /boot /dev /proc /sys /run/systemd /bin /sbin /lib /lib32 /lib64 /usr /opt/bin /root/bin /nix /snap',
  '/var/spool/cron /var/spool/at /var/spool/anacron /var/lib/systemd /var/run/systemd /private/etc /private/var/at /System /Library',
].flatMap(words);

/** Files and folders by name, wherever they stand. */
const NAMES: ReadonlySet<string> = new Set(
  [
    // Shells and sessions, when they start and end.
    '.profile .login .logout .bashrc .bash_profile .bash_login .bash_logout .bash_aliases .bash_completion .bashrc.d .profile.d .zshrc .zprofile',
    '.zshenv .zlogin .zlogout .kshrc .mkshrc .cshrc .tcshrc .shrc .inputrc .xinitrc .xprofile .xsession .xsessionrc .xserverrc .xbindkeysrc',
    '.pam_environment .environment .shinit .oh-my-zsh .hushlogin',
    // Programs that run what their settings say.
    '.gitconfig .git .gitmodules .hg .hgrc .svn .bzr .husky .githooks .git-hooks .lefthook .pre-commit-config.yaml .vscode .idea .devcontainer',
    '.vimrc .gvimrc .vim .exrc .nvimrc .emacs .emacs.d .spacemacs .nanorc .tmux.conf .screenrc .gdbinit .lldbinit .irbrc .pryrc .pythonrc.py',
    '.pythonstartup .rprofile .octaverc .psqlrc .sqliterc .mailcap .forward .procmailrc .curlrc .wgetrc .yarnrc .yarnrc.yml .bunfig.toml .cargo',
    '.direnvrc .mise.toml .tool-versions .claude .cursor .aider.conf.yml .continue',
    // What runs at a time.
    'crontab cron.d cron.hourly cron.daily cron.weekly cron.monthly cron.allow cron.deny anacrontab',
    // ssh, whatever is in it.
    '.ssh authorized_keys authorized_keys2 sshd_config ssh_config sshrc known_hosts',
    // Bowline itself.
    '.bowline',
  ].flatMap(words),
);

/** Folders and what is in them, where neither name alone says so. Dots before a name make no difference. */
const PLACES = [
  'config/autostart config/systemd config/environment.d config/fish config/git config/nushell config/nvim config/vim config/emacs config/zsh',
  'config/plasma-workspace config/autostart-scripts config/openbox config/i3 config/sway config/hypr config/awesome config/tmux config/direnv',
  'config/xprofile config/user-tmpfiles.d config/powershell config/alacritty config/kitty config/wezterm local/bin local/share/systemd',
  'local/share/applications local/share/dbus-1 local/share/flatpak local/share/nautilus local/lib kde/autostart gnome/autostart',
  'systemd/system systemd/user library/launchagents library/launchdaemons library/startupitems git/hooks',
]
  .flatMap(words)
  .map((place) => place.split('/').map(namePattern));

/** @param path absolute, normalised */
export function isNeverWritten(path: string): boolean {
  const parts = normalForm(path, 'NFKC')
    .toLowerCase()
    .split('/')
    .filter((part) => part !== '');
  const lower = `/${parts.join('/')}/`;
  if (SYSTEM.some((folder) => lower.startsWith(`${folder.toLowerCase()}/`))) return true;
  if (parts.some((part) => NAMES.has(part))) return true;
  const bare = parts.map((part) => part.replace(/^\.+/, ''));
  return bare.some((_, at) =>
    PLACES.some((place) => at + place.length <= bare.length && place.every((matches, i) => matches(bare[at + i]!))),
  );
}

function words(text: string): string[] {
  return text.trim().split(/[ \n]+/);
}
