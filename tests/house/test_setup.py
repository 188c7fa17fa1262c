"""scripts/setup.sh against a machine that is made up: stubs on the PATH, another root for its files."""

import os
import shutil
import subprocess
import unittest

from house import REPOSITORY, HouseTest

TOOLS = ["bash", "env", "find", "sort", "comm", "tail", "mktemp", "cat", "rm", "mv", "touch", "chmod", "tee", "test",
         "basename", "mkdir", "ln", "tr", "grep"]

APT_GET = """#!/bin/bash
echo "$*" >>"$STATE/apt-get"
[[ "$*" != *update* ]] || exit "${UPDATE_FAILS:-0}"
[[ "${INSTALL_FAILS:-0}" == 0 ]] || { echo "E: broken mirror"; exit 100; }
"$GODWIT_SETUP_ROOT/usr/sbin/policy-rc.d"; echo "policy $?" >>"$STATE/apt-get"
ln -s /x "$GODWIT_SETUP_ROOT/etc/systemd/system/multi-user.target.wants/nosy.service"
ln -s /x "$GODWIT_SETUP_ROOT/etc/rc2.d/S01nosy"
"""


class Setup(HouseTest):
    def setUp(self):
        self.root = self.tree({})
        self.bin = self.root / "bin"
        self.state = self.root / "state"
        for folder in ("bin", "state", "usr/sbin", "etc/systemd/system/multi-user.target.wants", "etc/rc2.d"):
            (self.root / folder).mkdir(parents=True)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.stub("dpkg-query", '#!/bin/bash\ngrep -qx "${!#}" "$STATE/installed" && printf installed\n')
        self.stub("apt-get", APT_GET)
        self.stub("apt-cache", "#!/bin/bash\n[[ $2 != ${UNKNOWN:-} ]]\n")
        self.stub("id", "#!/bin/bash\necho ${UID_WANTED:-0}\n")
        (self.root / "etc/rc2.d/S01mine").symlink_to("/x")
        self.wanted = self.setup("--list", "build").stdout.split()
        self.have(self.wanted[1:])

    def stub(self, name, text):
        (self.bin / name).write_text(text)
        (self.bin / name).chmod(0o755)

    def have(self, packages):
        (self.state / "installed").write_text("\n".join(packages) + "\n")

    def setup(self, *arguments, **environment):
        return subprocess.run([str(self.bin / "bash"), str(REPOSITORY / "scripts/setup.sh"), *arguments], text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, start_new_session=True,
                              env={"PATH": str(self.bin), "STATE": str(self.state),
                                   "GODWIT_SETUP_ROOT": str(self.root), **environment})

    def calls(self):
        file = self.state / "apt-get"
        return file.read_text().splitlines() if file.exists() else []

    def links(self):
        return sorted(os.listdir(self.root / "etc/rc2.d")) + os.listdir(
            self.root / "etc/systemd/system/multi-user.target.wants")

    def test_nothing_is_asked_of_apt_when_all_is_there(self):
        self.have(self.wanted)
        done = self.setup("build")
        self.assertEqual((done.returncode, done.stdout, done.stderr, self.calls()), (0, "", "", []))

    def test_only_what_is_missing_is_installed_without_recommends(self):
        done = self.setup("build")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.calls()), 3)
        self.assertTrue(self.calls()[1].endswith(f"install --no-install-recommends {self.wanted[0]}"), self.calls())

    def test_no_service_starts_or_stays_enabled(self):
        self.assertEqual(self.setup("build").returncode, 0)
        self.assertIn("policy 101", self.calls())
        self.assertEqual(self.links(), ["S01mine"])
        self.assertEqual(os.listdir(self.root / "usr/sbin"), [])

    def test_the_policy_that_was_there_comes_back_also_after_a_failure(self):
        policy = self.root / "usr/sbin/policy-rc.d"
        for fails in ("0", "1"):
            policy.write_text("mine")
            self.assertEqual(self.setup("build", INSTALL_FAILS=fails).returncode, int(fails))
            self.assertEqual(policy.read_text(), "mine")
            self.assertEqual(os.listdir(policy.parent), ["policy-rc.d"])

    def test_a_run_that_was_killed_leaves_no_policy_behind_the_next(self):
        (self.root / "usr/sbin/policy-rc.d").write_text("ours, of the killed run")
        (self.root / "usr/sbin/policy-rc.d.godwit-setup.none").touch()
        self.assertEqual(self.setup("build").returncode, 0)
        self.assertEqual(os.listdir(self.root / "usr/sbin"), [])

    def test_without_root_and_sudo_it_says_what_to_run(self):
        done = self.setup("build", UID_WANTED="1000")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"As root: apt-get install --no-install-recommends {self.wanted[0]}", done.stderr)
        self.assertEqual(self.calls(), [])

    def test_a_sudo_that_asks_for_a_password_with_nobody_there(self):
        self.stub("sudo", "#!/bin/bash\nexit 1\n")
        done = self.setup("build", UID_WANTED="1000")
        self.assertEqual(done.returncode, 1)
        self.assertIn("sudo wants a password that nobody can type here", done.stderr)

    def test_without_a_network_it_says_so(self):
        done = self.setup("build", UPDATE_FAILS="100")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is there a network", done.stderr)

    def test_a_package_that_the_sources_do_not_have(self):
        done = self.setup("build", UNKNOWN=self.wanted[0])
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"no {self.wanted[0]}: godwit needs Debian 12", done.stderr)

    def test_a_machine_without_apt(self):
        (self.bin / "apt-get").unlink()
        done = self.setup("build")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no apt", done.stderr)

    def test_it_wants_to_know_what_for(self):
        self.assertIn("setup.sh build", self.setup().stderr)


if __name__ == "__main__":
    unittest.main()
