// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

import {QUIVToken} from "../../src/QUIVToken.sol";
import {QUIVerChannels} from "../../src/QUIVerChannels.sol";
import {QUIVerSettlement} from "../../src/QUIVerSettlement.sol";
import {Receipt} from "../../src/libraries/ReceiptHash.sol";
import {Checks} from "./Checks.sol";
import {vm} from "./Vm.sol";

/// @dev Token, roles, channels and settlement as they are deployed, and keys that sign for money.
abstract contract SettlementSetup is Checks {
    /// @dev A voucher and its signature.
    struct Signed {
        address payer;
        address signer;
        address provider;
        uint64 nonce;
        uint128 balance;
        bytes32 r;
        bytes32 vs;
    }

    uint256 internal constant QUIV = 1e18;
    uint256 internal constant START = 1_800_000_000;
    uint256 internal constant DAY = 86_400;
    uint96 internal constant MINIMUM_BOND = 10_000e18;
    uint40 internal constant ACTIVATION_DELAY = 6 hours;
    uint64 internal constant GUARDIAN_ROLE = 1;

    uint256 internal constant PAYER_KEY = 0xA11CE;
    uint256 internal constant SIGNER_KEY = 0x516;
    uint256 internal constant PROVIDER_KEY = 0x9407;
    uint256 internal constant OTHER_KEY = 0x07E4;
    uint256 internal constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    address internal immutable payer = vm.addr(PAYER_KEY);
    address internal immutable signer = vm.addr(SIGNER_KEY);
    address internal immutable provider = vm.addr(PROVIDER_KEY);
    address internal immutable other = vm.addr(OTHER_KEY);
    address internal immutable aggregator = address(0xA66);
    address internal immutable guardian = address(0x60A4D);
    address internal immutable stranger = address(0x57A);

    QUIVToken internal token;
    AccessManager internal manager;
    QUIVerChannels internal channels;
    QUIVerSettlement internal settlement;

    function setUp() public virtual {
        vm.warp(START);
        token = new QUIVToken(address(this));
        manager = new AccessManager(address(this));
        channels = new QUIVerChannels(token, address(manager));
        settlement = new QUIVerSettlement(token, channels, address(manager), MINIMUM_BOND, ACTIVATION_DELAY);
        manager.grantRole(GUARDIAN_ROLE, guardian, 0);
        bytes4[] memory pausing = new bytes4[](1);
        pausing[0] = QUIVerChannels.pause.selector;
        manager.setTargetFunctionRole(address(channels), pausing, GUARDIAN_ROLE);
        bytes4[] memory guarding = new bytes4[](2);
        (guarding[0], guarding[1]) = (QUIVerSettlement.pause.selector, QUIVerSettlement.disableRoot.selector);
        manager.setTargetFunctionRole(address(settlement), guarding, GUARDIAN_ROLE);
        fund(payer);
        fund(other);
        fund(provider);
        fund(aggregator);
    }

    function fund(address account) internal {
        token.transfer(account, 1_000_000 * QUIV);
        vm.startPrank(account);
        token.approve(address(channels), type(uint256).max);
        token.approve(address(settlement), type(uint256).max);
        vm.stopPrank();
    }

    function open(uint256 amount) internal returns (bytes32) {
        vm.prank(payer);
        return channels.openChannel(provider, address(0), uint96(amount));
    }

    function openTo(uint256 key, address to, address by, uint256 amount) internal returns (bytes32) {
        vm.prank(vm.addr(key));
        return channels.openChannel(to, by, uint96(amount));
    }

    function compact(uint256 key, bytes32 digest) internal pure returns (bytes32 r, bytes32 vs) {
        (uint8 v, bytes32 r_, bytes32 s) = vm.sign(key, digest);
        return (r_, s | bytes32(uint256(v - 27) << 255));
    }

    /// @dev A voucher of the channel's present epoch; the payer signs unless the signer has a key of its own.
    function voucherBy(uint256 payerKey, uint256 signerKey, address to, uint64 nonce, uint256 balance)
        internal
        view
        returns (Signed memory)
    {
        bytes32 id = channels.channelId(vm.addr(payerKey), vm.addr(signerKey), to);
        return voucherOf(payerKey, signerKey, to, channels.channelOf(id).epoch, nonce, balance);
    }

    function voucherOf(uint256 payerKey, uint256 signerKey, address to, uint32 epoch, uint64 nonce, uint256 balance)
        internal
        view
        returns (Signed memory)
    {
        (address from, address by) = (vm.addr(payerKey), vm.addr(signerKey));
        bytes32 id = channels.channelId(from, by, to);
        bytes32 digest = channels.voucherDigest(id, epoch, nonce, uint128(balance));
        (bytes32 r, bytes32 vs) = compact(signerKey, digest);
        return Signed(from, by, to, nonce, uint128(balance), r, vs);
    }

    function voucher(uint64 nonce, uint256 balance) internal view returns (Signed memory) {
        return voucherBy(PAYER_KEY, PAYER_KEY, provider, nonce, balance);
    }

    function redeem(Signed memory signed) internal {
        channels.redeem(
            signed.payer, signed.signer, signed.provider, signed.nonce, signed.balance, signed.r, signed.vs
        );
    }

    /// @dev As QUIVerChannels reads them; the signer follows where it is not the payer.
    function pack(Signed memory signed) internal pure returns (bytes memory) {
        bool own = signed.signer != signed.payer;
        uint96 balance = uint96(signed.balance) | (own ? uint96(1) << 95 : 0);
        bytes memory item = abi.encodePacked(signed.payer, uint24(signed.nonce), balance, signed.r, signed.vs);
        return own ? abi.encodePacked(item, signed.signer) : item;
    }

    function channel(bytes32 id) internal view returns (QUIVerChannels.Channel memory) {
        return channels.channelOf(id);
    }

    // Trees of a few leaves, as OpenZeppelin's library verifies them

    function parent(bytes32 a, bytes32 b) internal pure returns (bytes32) {
        return a < b ? keccak256(abi.encode(a, b)) : keccak256(abi.encode(b, a));
    }

    function rootOf(bytes32[] memory leaves) internal pure returns (bytes32) {
        bytes32[] memory level = leaves;
        while (level.length > 1) level = above(level);
        return level[0];
    }

    function proofOf(bytes32[] memory leaves, uint256 index) internal pure returns (bytes32[] memory proof) {
        proof = new bytes32[](32);
        uint256 length;
        bytes32[] memory level = leaves;
        for (; level.length > 1; index /= 2) {
            uint256 sibling = index ^ 1;
            if (sibling < level.length) proof[length++] = level[sibling];
            level = above(level);
        }
        assembly {
            mstore(proof, length)
        }
    }

    /// @dev An odd leaf is carried up unchanged.
    function above(bytes32[] memory level) private pure returns (bytes32[] memory next) {
        next = new bytes32[]((level.length + 1) / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            next[i] = 2 * i + 1 < level.length ? parent(level[2 * i], level[2 * i + 1]) : level[2 * i];
        }
    }

    // Receipts

    function receiptOf(address paidTo, bytes32 channelId, uint64 nonce) internal view returns (Receipt memory receipt) {
        receipt.version = 1;
        receipt.requestId = bytes16(keccak256(abi.encode(channelId, nonce)));
        receipt.client = keccak256("client");
        receipt.provider = keccak256("provider");
        receipt.paymentAddress = paidTo;
        receipt.modelDigestScheme = 1;
        receipt.modelDigest = keccak256("model");
        receipt.quantisation = "Q8_0";
        receipt.tokensIn = 12;
        receipt.tokensOut = 345;
        receipt.priceIn = 1e15;
        receipt.priceOut = 2e15;
        receipt.cost = 702e12;
        receipt.asset = address(token);
        receipt.finish = 1;
        receipt.startedAt = uint64(START * 1000);
        receipt.issuedAt = uint64(START * 1000 + 2_500);
        receipt.channelId = channelId;
        receipt.nonce = nonce;
    }

    function signReceipt(uint256 key, Receipt memory receipt) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, settlement.receiptDigest(receipt));
        return abi.encodePacked(r, s, v);
    }
}
