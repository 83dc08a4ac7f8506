"""Pictures with Content Credentials, signed with certificates made for the test."""

import io
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
USAGES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
    "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


class Authority:
    """A root certificate, and a signer of its own."""

    def __init__(self, name="Test Camera"):
        self.key, signer = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        root, own = _named(f"{name} Root"), _named(name)
        self.root = _pem(
            _certificate(root, root, self.key.public_key(), self.key, "key_cert_sign", "crl_sign")
        )
        leaf = _certificate(own, root, signer.public_key(), self.key, "digital_signature")
        self.chain = _pem(leaf) + self.root
        self.signer_key = signer.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def sign(self, data, source_type=None, parent=None, mime="image/jpeg"):
        """The picture with credentials: created as of a source type, or made from a parent."""
        import c2pa

        action = {"action": "c2pa.created", "digitalSourceType": IPTC + (source_type or "")}
        if parent is not None:
            action = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["xmp:iid:1"]}}
        builder = c2pa.Builder(
            {
                "claim_generator_info": [{"name": "Test Program", "version": "7"}],
                "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
            }
        )
        if parent is not None:
            ingredient = {
                "title": "parent.jpg", "relationship": "parentOf", "instance_id": "xmp:iid:1"
            }  # fmt: skip
            builder.add_ingredient(ingredient, mime, io.BytesIO(parent))
        info = c2pa.C2paSignerInfo(b"es256", self.chain.encode(), self.signer_key.encode(), None)
        signed = io.BytesIO()
        builder.sign(c2pa.Signer.from_info(info), mime, io.BytesIO(data), signed)
        return signed.getvalue()


def _named(name):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test Cameras"),
        ]
    )


def _certificate(subject, issuer, public, signed_by, *usages):
    now, is_root = datetime.now(UTC), subject == issuer
    builder = (
        x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(is_root, None), True)
        .add_extension(x509.KeyUsage(**{name: name in usages for name in USAGES}), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signed_by.public_key()), False
        )
    )
    if not is_root:
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(mail, False)
    return builder.sign(signed_by, hashes.SHA256())


def _pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
