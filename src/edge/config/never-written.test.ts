import { expect, test, vi } from 'vitest';
import { isNeverWritten } from './never-written.ts';

test.each([
  '/etc/hosts',
  '/ETC/cron.d/x',
  '/usr/local/bin/x',
  '/var/spool/cron/crontabs/anna',
  '/home/anna/.bashrc',
  '/home/anna/.BashRC',
  '/home/anna/.zshenv',
  '/home/anna/.config/fish/config.fish',
  '/home/anna/.config/systemd/user/x.service',
  '/home/anna/.config/autostart/x.desktop',
  '/home/anna/.config/environment.d/x.conf',
  '/home/anna/.local/bin/x',
  '/home/anna/.local/share/applications/x.desktop',
  '/home/anna/Library/LaunchAgents/x.plist',
  '/home/anna/.ssh/config',
  '/srv/keys/authorized_keys',
  '/home/anna/notes/.git/hooks/pre-commit',
  '/home/anna/notes/.git/config',
  '/srv/git/hooks/update',
  '/home/anna/.gitconfig',
  '/home/anna/.config/git/config',
  '/home/anna/notes/.husky/pre-commit',
  '/home/anna/notes/.vscode/tasks.json',
  '/home/anna/.vimrc',
  '/home/anna/.bowline/config.yaml',
  '/srv/crontab',
  '/srv/notes/repo.git/hooks/post-receive',
  '/srv/notes/Repo.GIT/config',
  '/home/anna/.config/bash_completion',
  '/home/anna/.config/containers/systemd/x.container',
  '/home/anna/.config/lxsession/LXDE/autostart',
  '/etc2/lxsession/LXDE/autostart',
  '/home/anna/.config/labwc/autostart',
  '/home/anna/.config/sxhkd/sxhkdrc',
  '/home/anna/.config/bspwm/bspwmrc',
  '/home/anna/.config/hypr/hyprland.conf',
  '/home/anna/.config/pipewire/pipewire.conf',
  '/home/anna/.xmonad/xmonad.hs',
  '/home/anna/.local/share/bash-completion/completions/ls',
  '/home/anna/bin/ls',
  '/home/anna/bin',
  '/home/anna/.pam_environment',
  '/home/anna/.ssh/rc',
  '/srv/gpg-agent.conf',
  '/run/udev/rules.d/99-x.rules',
  '/var/run/udev/rules.d/99-x.rules',
  '/home/anna/.kde4/Autostart/x.desktop',
  '/home/anna/.kde/share/autostart/x',
  '/home/anna/.Xclients',
  '/home/anna/.wayland-session',
  '/home/anna/.xonshrc',
  '/home/anna/.yashrc',
  '/home/anna/.config/oils/oshrc',
  '/home/anna/.elvish/rc.elv',
  '/home/anna/.rhosts',
  '/home/anna/.shosts',
  '/home/anna/.k5login',
  '/home/anna/.gdbearlyinit',
  '/home/anna/.config/gdb/gdbinit',
  '/home/anna/.gradle/init.d/x.gradle',
  '/home/anna/.local/share/nautilus-python/extensions/x.py',
  '/home/anna/.config/libvirt/hooks/qemu',
  '/home/anna/.ansible.cfg',
  '/home/anna/.m2/settings.xml',
  '/home/anna/.vnc/xstartup',
  '/home/anna/.config/go/env',
  '/home/anna/.config/mpv/scripts/x.lua',
  '/home/anna/.my.cnf',
  '/srv/crontabs/anna',
  '/srv/notes/lefthook.yml',
  '/srv/notes/.lefthook.yml',
  '/srv/notes/.mcp.json',
  '/srv/notes/.lvimrc',
  '/srv/notes/.nvim.lua',
  '/home/anna/．bashrc',
])('%s is never written', (path) => {
  expect(isNeverWritten(path)).toBe(true);
});

test.each([
  '/home/anna/notes/todo.md',
  '/home/anna/笔记/备忘.md',
  '/home/anna/etc/notes.md',
  '/home/anna/notes/profile',
  '/home/anna/notes/git/notes.md',
  '/home/anna/notes/systemd.md',
  '/home/anna/config.yaml',
  '/usrlocal/x',
  '/srv/notes/.github/x.md',
  '/home/anna/notes/bin/x.md',
  '/home/anna/notes/bash_completion.md',
  '/srv/notes/repo.git/description',
  '/srv/hooks/x.md',
  '/srv/notes/gradle/wrapper/x.md',
  '/srv/notes/lefthook.md',
  '/run/media/anna/x.md',
  '/tmp/x',
])('%s may be written where the configuration says so', (path) => {
  expect(isNeverWritten(path)).toBe(false);
});

test('what runs by its name alone: a folder of PATH, and programs of the home, but not what lies deeper', () => {
  vi.stubEnv('HOME', '/data/安娜');
  vi.stubEnv('PATH', '/usr/bin:/data/tools/:relative');
  try {
    for (const path of ['/data/tools/ls', '/data/tools', '/data/安娜/bin/ls'])
      expect(isNeverWritten(path), path).toBe(true);
    for (const path of ['/data/tools/docs/x.md', '/data/bin/x', '/x/relative/y'])
      expect(isNeverWritten(path), path).toBe(false);
  } finally {
    vi.unstubAllEnvs();
  }
});
