# SPDX-License-Identifier: Apache-2.0
"""Certificates as an administrator makes them: two small authorities by openssl(1), in a folder.

`server` signs what the backend shows, `clients` what persons show. Any certificate may be of another
time than now, be revoked, and each authority gives lists of what it has revoked.
"""

import datetime
import hashlib
import os
import shutil
import ssl
import subprocess

CONF = """
[ca]
default_ca = here
[here]
database = {folder}/{ca}.index
serial = {folder}/{ca}.serial
crlnumber = {folder}/{ca}.crlnumber
new_certs_dir = {folder}
certificate = {folder}/{ca}.pem
private_key = {folder}/{ca}.key
default_md = sha256
policy = any
unique_subject = no
default_crl_days = 7
copy_extensions = none
[any]
commonName = supplied
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost, IP:127.0.0.1
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
"""


class Missing(Exception):
	"""There is no openssl to make certificates with."""


class Certs:
	def __init__(self, folder):
		self.folder = folder
		if not shutil.which("openssl"):
			raise Missing
		os.makedirs(folder)
		for ca in ("server-ca", "clients"):
			self.openssl("req", "-x509", *self.new_key(ca), "-days", "365", "-subj", f"/CN={ca}", "-out", self.path(ca, "pem"),
				"-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
			for suffix, text in (("index", ""), ("serial", "1000\n"), ("crlnumber", "01\n"),
				("conf", CONF.format(folder=folder, ca=ca))):
				with open(self.path(ca, suffix), "w", encoding="ascii") as f:
					f.write(text)

	def path(self, name, suffix):
		return os.path.join(self.folder, f"{name}.{suffix}")

	def openssl(self, *words):
		done = subprocess.run(["openssl", *words], capture_output=True, text=True, timeout=30, check=False)
		if done.returncode != 0:
			raise RuntimeError(f"openssl {' '.join(words)}: {done.stderr}")

	def new_key(self, name):
		return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-keyout", self.path(name, "key"))

	def make(self, name, ca, kind, from_days=-1, to_days=90):
		now = datetime.datetime.now(datetime.timezone.utc)
		start, end = ((now + datetime.timedelta(days=d)).strftime("%Y%m%d%H%M%SZ") for d in (from_days, to_days))
		self.openssl("req", *self.new_key(name), "-subj", f"/CN={name}", "-out", self.path(name, "csr"))
		self.openssl("ca", "-batch", "-config", self.path(ca, "conf"), "-extensions", kind, "-startdate", start, "-enddate", end,
			"-in", self.path(name, "csr"), "-out", self.path(name, "pem"), "-notext")
		os.chmod(self.path(name, "key"), 0o600)

	def revoke(self, name, ca):
		self.openssl("ca", "-config", self.path(ca, "conf"), "-revoke", self.path(name, "pem"))

	def give_list(self, ca):
		self.openssl("ca", "-config", self.path(ca, "conf"), "-gencrl", "-out", self.path(ca, "crl"))

	def fingerprint(self, name):
		with open(self.path(name, "pem"), encoding="ascii") as f:
			return "sha256:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(f.read())).hexdigest()
