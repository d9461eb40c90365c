// What no configuration lets be written: what a machine or a program runs by itself, or takes its orders from. Where a written file would
// become a program, `allow.write` ends. Judged by path alone, on what was asked for, on what was opened, and on where what is in a moved folder
// would be.
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { namePattern } from '../../base/glob.ts';
import { userHome } from '../../base/home.ts';
import { normalForm } from '../../base/normal-form.ts';

/** Folders of the system, whatever is in them. */
const SYSTEM = [
  '/etc /boot /dev /proc /sys /bin /sbin /lib /lib32 /lib64 /usr /opt/bin /root/bin /nix /snap',
  '/var/spool/cron /var/spool/at /var/spool/anacron /var/lib/systemd /private/etc /private/var/at /System /Library',
  '/var/cron /var/at /var/spool/incron /var/lib/dpkg /var/lib/polkit-1 /var/lib/cloud /var/lib/snapd /var/lib/flatpak',
  ...['/run', '/var/run'].flatMap((run) =>
    words(
      'systemd udev dbus-1 polkit-1 tmpfiles.d sysusers.d sysctl.d modprobe.d modules-load.d binfmt.d environment.d containers NetworkManager',
    ).map((folder) => `${run}/${folder}`),
  ),
].flatMap(words);

/** Files and folders by name, wherever they stand. */
const NAMES: ReadonlySet<string> = new Set(
  [
    // Shells and sessions, when they start and end.
    '.profile .login .logout .bashrc .bash_profile .bash_login .bash_logout .bash_aliases .bash_completion .bashrc.d .profile.d .zshrc .zprofile',
    '.zshenv .zlogin .zlogout .kshrc .mkshrc .cshrc .tcshrc .shrc .inputrc .xinitrc .xprofile .xsession .xsessionrc .xserverrc .xbindkeysrc',
    '.pam_environment .environment .shinit .oh-my-zsh .oh-my-bash .bash_it .zsh .hushlogin .lessfilter .starship.toml .envrc',
    '.xmonad .sxhkdrc .i3 .sway .fluxbox .blackbox .openbox .icewm .fvwm .fvwm2rc .jwmrc .twmrc .mwmrc .dmrc .ratpoisonrc .stumpwmrc .xsettingsd',
    '.yashrc .yash_profile .xonshrc .elvish .rcrc .esrc .oilsrc .login_conf .selected_editor .zshrc.d .zimrc .zpreztorc .p10k.zsh .fzf.bash .fzf.zsh',
    '.xclients .xinitrc.d .xsession.d .wayland-session .startxrc .vnc .xscreensaver .urxvt .xresources .xdefaults .gtkrc .gtkrc-2.0 .conkyrc',
    '.awesome .cwmrc .ctwmrc .vtwmrc .spectrwm.conf .sawfish .sawfishrc .windowmaker .e16 .herbstluftwm .dwm .xprofile.d',
    '.gnupg gpg-agent.conf gpg.conf dirmngr.conf scdaemon.conf .nix-profile .nix-defexpr .guix-profile',
    '.xbindkeysrc.scm .bash_sessions .lesskey .fehbg .screenlayout .task .vifm',
    // Programs that run what their settings say.
    '.gitconfig .git .gitmodules .hg .hgrc .svn .bzr .husky .githooks .git-hooks .lefthook .pre-commit-config.yaml .vscode .idea .devcontainer',
    '.vimrc .gvimrc .vim .exrc .nvimrc .emacs .emacs.d .spacemacs .nanorc .tmux.conf .screenrc .gdbinit .lldbinit .irbrc .pryrc .pythonrc.py',
    '.pythonstartup .rprofile .octaverc .psqlrc .sqliterc .mailcap .forward .procmailrc .curlrc .wgetrc .yarnrc .yarnrc.yml .bunfig.toml .cargo',
    '.ipython .julia .ghci .guile .sbclrc .iex.exs .erlang .pdbrc .perldb .byobu sitecustomize.py usercustomize.py native-messaging-hosts',
    'nativemessaginghosts .direnvrc .mise.toml .tool-versions .claude .cursor .aider.conf.yml .continue .mcp.json .gemini .codex .windsurf .zed',
    '.gdbearlyinit .lvimrc .nvim.lua .kakrc .ansible.cfg ansible.cfg .mvn .sbt .npmrc .pnpmfile.cjs .pnpmfile.mjs',
    '.huskyrc lefthook.yml lefthook.yaml lefthook.toml lefthook.json .lefthook.yml .lefthook.yaml .lefthook.toml .lefthook.json .overcommit.yml',
    'lefthook-local.yml lefthook-local.yaml lefthook-local.toml .lefthook-local .lefthook-local.yml .simple-git-hooks.json .lintstagedrc .tigrc',
    '.jjconfig.toml .ctags .ctags.d .ackrc .gemrc .bundle .rdebugrc .byebugrc .renviron .mongorc.js .mongoshrc.js .duckdbrc .my.cnf .tmux',
    '.jupyter .condarc .luarocks .muttrc .mutt .neomuttrc .mailrc .msmtprc .mbsyncrc .offlineimaprc .fetchmailrc .w3m .irssi .weechat .mplayer .mpv',
    '.rbenv .pyenv .nvm .asdf .asdfrc .rvm .rvmrc .sdkman .volta .rustup',
    // What runs at a time.
    'crontab crontabs .crontab .fcrontab incron.d cron.d cron.hourly cron.daily cron.weekly cron.monthly cron.allow cron.deny anacrontab',
    // Who may come in without a word.
    '.rhosts .shosts .k5login .k5users hosts.equiv shosts.equiv',
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
  'config/bash_completion config/bash_completion.d config/bash-completion config/containers config/lxsession config/lxqt config/labwc',
  'config/sxhkd config/bspwm config/xmonad config/herbstluftwm config/qtile config/river config/niri config/wayfire config/wayfire.ini',
  'config/leftwm config/spectrwm config/fluxbox config/icewm config/jwm config/fvwm config/enlightenment config/xfce4 config/waybar config/eww',
  'config/polybar config/swayidle config/dunst config/mako config/uwsm config/user-dirs.dirs config/mimeapps.list config/khotkeysrc',
  'config/kglobalshortcutsrc config/upstart config/pulse config/pipewire config/wireplumber config/starship.toml config/mise config/elvish',
  'config/xonsh config/ion config/helix config/zellij config/ghostty config/foot config/code config/vscodium config/lf config/ranger',
  'lxsession/*/autostart labwc/autostart openbox/autostart local/sbin local/libexec local/share/bash-completion local/share/zsh',
  'local/share/fish local/share/nvim local/share/kwin local/share/plasma local/share/gnome-shell local/share/cinnamon local/share/kio',
  'local/share/nemo local/share/kservices5 local/share/containers local/state/nix',
  'kde4/autostart kde/share/autostart kde4/share/autostart kde/env kde4/env kde/shutdown kde4/shutdown config/kdeconnect config/kwinrc',
  'config/gdb config/lldb config/oils config/rc config/yash config/ipython config/jupyter config/kak config/micro config/mc',
  'config/libvirt config/nautilus config/nemo config/caja config/thunar config/rofi config/wofi config/mpv config/conky',
  'config/yazi config/neomutt config/mutt config/newsboat config/qutebrowser config/gtk-2.0 config/gtk-3.0 config/gtk-4.0 config/cosmic',
  'config/gnome-session config/cinnamon-session config/mate config/sublime-text config/zed config/cursor config/pip config/npm config/pnpm',
  'config/yarn config/go config/gh config/jj config/hg config/tig config/lazygit config/ripgrep config/bat config/dbus-1 config/asdf',
  'local/share/nautilus-python local/share/nemo-python local/share/caja-python local/share/caja local/share/thunarx-python',
  'local/share/file-manager local/share/konsole local/share/gedit local/share/pluma local/share/xed local/share/kservices6 local/share/elvish',
  'config/lesskey config/nano config/vifm config/nnn config/broot config/autorandr config/kanshi config/i3blocks config/redshift',
  'config/nixpkgs config/home-manager config/yt-dlp local/share/thumbnailers',
  'local/share/xonsh local/share/mise local/share/asdf local/share/pnpm local/share/gvfs gradle/init.d gradle/init.gradle',
  'gradle/init.gradle.kts gradle/gradle.properties m2/settings.xml m2/extensions.xml spool/cron spool/at',
  '*.git/hooks *.git/config *.git/config.worktree *.git/commondir *.git/info *.git/modules *.git/worktrees',
  'systemd/system systemd/user library/launchagents library/launchdaemons library/startupitems git/hooks',
]
  .flatMap(words)
  .map((place) => place.split('/').map(namePattern));

/** @param path absolute, normalised */
export function isNeverWritten(path: string): boolean {
  const parts = partsOf(path);
  const lower = `/${parts.join('/')}/`;
  if (SYSTEM.some((folder) => lower.startsWith(`${folder.toLowerCase()}/`))) return true;
  if (
    parts.some((part, at) => NAMES.has(part) || isOfItsKind(part, parts.slice(0, at))) ||
    isProgramPlace(`/${parts.join('/')}`)
  )
    return true;
  const bare = parts.map((part) => part.replace(/^\.+/, ''));
  return bare.some((_, at) =>
    PLACES.some((place) => at + place.length <= bare.length && place.every((matches, i) => matches(bare[at + i]!))),
  );
}

/** In the settings of any program, what it runs by custom. */
const RUN_FOLDERS: ReadonlySet<string> = new Set(words('autostart extensions hooks plugins scripts'));

/** What says by its own name that a program runs it, whichever program that is. */
function isOfItsKind(name: string, folders: readonly string[]): boolean {
  if (/^\..*rc$/.test(name)) return true;
  return folders.includes('.config') && (RUN_FOLDERS.has(name) || name.endsWith('rc'));
}

const partsOf = (path: string): string[] =>
  normalForm(path, 'NFKC')
    .toLowerCase()
    .split('/')
    .filter((part) => part !== '');

/** Where a user's programs are by custom. */
const BIN = ['home/*/bin', 'users/*/bin'].map((place) => place.split('/').map(namePattern));

/** Whether a path is a folder whose programs run by their name alone, or right in one. */
function isProgramPlace(path: string): boolean {
  return [path, dirname(path)].some((folder) => {
    const parts = folder.split('/').slice(1);
    const isBin = BIN.some((place) => place.length === parts.length && place.every((matches, i) => matches(parts[i]!)));
    return isBin || programFolders().has(folder);
  });
}

let known = { of: '', folders: new Set<string>() };

/** Those of this process's own PATH, and of its user. */
function programFolders(): ReadonlySet<string> {
  const { PATH = '', HOME = '' } = process.env;
  const of = `${HOME}\n${PATH}`;
  if (known.of === of) return known.folders;
  const folders = [...PATH.split(delimiter), join(userHome(process.env), 'bin')].filter(isAbsolute);
  known = { of, folders: new Set(folders.map((folder) => `/${partsOf(resolve(folder)).join('/')}`)) };
  return known.folders;
}

function words(text: string): string[] {
  return text.trim().split(/[ \n]+/);
}
