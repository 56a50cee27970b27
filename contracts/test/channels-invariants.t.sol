// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {QUIVToken} from "../src/QUIVToken.sol";
import {QUIVerChannels} from "../src/QUIVerChannels.sol";
import {SettlementSetup} from "./support/SettlementSetup.sol";
import {vm} from "./support/Vm.sol";

/// @dev Does at random what payers, signers, providers and strangers can do, and counts what was signed and paid.
contract ChannelsHandler is SettlementSetup {
    struct Kept {
        bytes32 id;
        uint256 epoch;
        Signed signed;
    }

    uint256 private constant KEPT = 16;
    uint256[2] private payerKeys = [PAYER_KEY, OTHER_KEY];
    uint256[2] private providerKeys = [PROVIDER_KEY, uint256(0x9408)];
    address private immutable agent = address(0xA9);

    bytes32[] private _ids;
    mapping(bytes32 id => mapping(uint256 epoch => uint256)) public signedMost;
    mapping(bytes32 id => mapping(uint256 epoch => uint256)) public paidIn;
    mapping(bytes32 id => uint256) public lastEpoch;
    mapping(bytes32 id => uint256) public lastSettled;
    uint256 public deposited;
    uint256 public paidOut;
    uint256 public refunded;
    bool public stalePaid;
    bool public wentBack;
    Kept[KEPT] private kept;
    uint256 private keptCount;

    constructor(QUIVToken token_, QUIVerChannels channels_) {
        (token, channels) = (token_, channels_);
        for (uint256 i = 0; i < 8; ++i) {
            (uint256 from, uint256 by, address to) = pick(i);
            _ids.push(channels.channelId(vm.addr(from), vm.addr(by), to));
        }
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(vm.addr(payerKeys[i]));
            token.approve(address(channels), type(uint256).max);
            vm.prank(vm.addr(providerKeys[i]));
            channels.setMandate(address(this), agent);
        }
    }

    function setUp() public override {}

    function ids() external view returns (bytes32[] memory) {
        return _ids;
    }

    function pick(uint256 seed) private view returns (uint256 payerKey, uint256 signerKey, address to) {
        payerKey = payerKeys[seed & 1];
        signerKey = seed & 2 == 0 ? payerKey : SIGNER_KEY;
        to = vm.addr(providerKeys[(seed >> 2) & 1]);
    }

    /// @dev Compares a channel with how it was seen last.
    modifier watched(uint256 seed) {
        _;
        bytes32 id = _ids[seed & 7];
        QUIVerChannels.Channel memory it = channel(id);
        if (it.epoch < lastEpoch[id]) wentBack = true;
        bool open = it.deposit != 0;
        if (it.epoch == lastEpoch[id] && open && it.settled < lastSettled[id]) wentBack = true;
        (lastEpoch[id], lastSettled[id]) = (it.epoch, open ? it.settled : 0);
    }

    function openChannel(uint256 seed, uint96 amount) external watched(seed) {
        (uint256 from, uint256 by, address to) = pick(seed);
        if (channel(_ids[seed & 7]).deposit != 0) return;
        amount = uint96(between(amount, 1, 1_000 * QUIV));
        vm.prank(vm.addr(from));
        channels.openChannel(to, vm.addr(by), amount);
        deposited += amount;
    }

    function topUp(uint256 seed, uint96 amount) external watched(seed) {
        (uint256 from, uint256 by, address to) = pick(seed);
        if (channel(_ids[seed & 7]).deposit == 0) return;
        amount = uint96(between(amount, 1, 100 * QUIV));
        vm.prank(vm.addr(from));
        channels.topUp(vm.addr(from), vm.addr(by), to, amount);
        deposited += amount;
    }

    function redeemOne(uint256 seed, uint256 balance) external watched(seed) {
        Signed memory signed = sign(seed, balance);
        pay(signed, seed, false);
    }

    function redeemPacked(uint256 seed, uint256 balance) external watched(seed) {
        pay(sign(seed, balance), seed, true);
    }

    function collectPacked(uint256 seed, uint256 balance) external watched(seed) {
        Signed memory signed = sign(seed, balance);
        (address[] memory providers, bytes[] memory items) = (new address[](1), new bytes[](1));
        (providers[0], items[0]) = (signed.provider, pack(signed));
        uint256 before = token.balanceOf(address(this));
        try channels.collect(agent, providers, items) {
            count(seed, token.balanceOf(address(this)) - before);
        } catch {}
    }

    /// @dev Sends an old voucher again, whatever became of its channel.
    function replay(uint256 which) external {
        Kept storage old = kept[which % KEPT];
        if (old.id == 0) return;
        uint256 before = token.balanceOf(old.signed.provider);
        bytes memory items = pack(old.signed);
        try channels.redeemBatch(old.signed.provider, items) {} catch {}
        uint256 amount = token.balanceOf(old.signed.provider) - before;
        if (amount == 0) return;
        uint256 epoch = channel(old.id).epoch;
        if (epoch != old.epoch) stalePaid = true;
        paidIn[old.id][epoch] += amount;
        paidOut += amount;
    }

    function startClose(uint256 seed) external watched(seed) {
        (uint256 from, uint256 by, address to) = pick(seed);
        vm.prank(vm.addr(from));
        try channels.startClose(vm.addr(by), to) {} catch {}
    }

    function cancelClose(uint256 seed) external watched(seed) {
        (uint256 from, uint256 by, address to) = pick(seed);
        vm.prank(vm.addr(from));
        try channels.cancelClose(vm.addr(by), to) {} catch {}
    }

    function finalizeClose(uint256 seed, bool wait) external watched(seed) {
        (uint256 from, uint256 by, address to) = pick(seed);
        if (wait) vm.warp(block.timestamp + DAY);
        uint256 before = token.balanceOf(vm.addr(from));
        try channels.finalizeClose(vm.addr(from), vm.addr(by), to) {
            refunded += token.balanceOf(vm.addr(from)) - before;
        } catch {}
    }

    function closeByProvider(uint256 seed, uint256 balance) external watched(seed) {
        (uint256 from,, address to) = pick(seed);
        Signed memory signed = sign(seed, balance);
        (uint256 before, uint256 had) = (token.balanceOf(vm.addr(from)), token.balanceOf(to));
        vm.prank(to);
        try channels.closeByProvider(
            signed.payer, signed.signer, signed.nonce, signed.balance, signed.r, signed.vs
        ) {
            refunded += token.balanceOf(vm.addr(from)) - before;
            count(seed, token.balanceOf(to) - had);
        } catch {}
    }

    function closeByAgreement(uint256 seed, uint256 share) external watched(seed) {
        (uint256 from, uint256 by, address to) = pick(seed);
        bytes32 id = _ids[seed & 7];
        QUIVerChannels.Channel memory it = channel(id);
        if (it.deposit == 0) return;
        uint128 balance = uint128(between(share, it.settled, it.deposit));
        bytes32 digest = channels.closeDigest(id, it.epoch, balance);
        bytes32[2] memory bySigner;
        bytes32[2] memory byProvider;
        (bySigner[0], bySigner[1]) = compact(by, digest);
        (byProvider[0], byProvider[1]) = compact(providerKeys[(seed >> 2) & 1], digest);
        if (balance > signedMost[id][it.epoch]) signedMost[id][it.epoch] = balance;
        uint256 before = token.balanceOf(vm.addr(from));
        channels.closeByAgreement(vm.addr(from), vm.addr(by), to, balance, bySigner, byProvider);
        refunded += token.balanceOf(vm.addr(from)) - before;
        count(seed, balance - it.settled);
    }

    /// @dev A voucher of the present epoch, also above the deposit; a few are kept for later.
    function sign(uint256 seed, uint256 balance) private returns (Signed memory signed) {
        (uint256 from, uint256 by, address to) = pick(seed);
        bytes32 id = _ids[seed & 7];
        uint256 epoch = channel(id).epoch;
        balance = between(balance, 1, 1_200 * QUIV);
        signed = voucherOf(from, by, to, uint32(epoch), uint64(keptCount + 1), balance);
        if (balance > signedMost[id][epoch]) signedMost[id][epoch] = balance;
        kept[keptCount++ % KEPT] = Kept(id, epoch, signed);
    }

    function pay(Signed memory signed, uint256 seed, bool packed) private {
        uint256 before = token.balanceOf(signed.provider);
        if (packed) {
            try channels.redeemBatch(signed.provider, pack(signed)) {} catch {}
        } else {
            try channels.redeem(
                signed.payer, signed.signer, signed.provider, signed.nonce, signed.balance, signed.r, signed.vs
            ) {} catch {}
        }
        count(seed, token.balanceOf(signed.provider) - before);
    }

    function count(uint256 seed, uint256 amount) private {
        bytes32 id = _ids[seed & 7];
        paidIn[id][channel(id).epoch] += amount;
        paidOut += amount;
    }
}

contract ChannelsInvariants is SettlementSetup {
    ChannelsHandler private handler;

    function setUp() public override {
        super.setUp();
        handler = new ChannelsHandler(token, channels);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function invariant_the_contract_holds_what_open_channels_have_left() public view {
        bytes32[] memory ids = handler.ids();
        uint256 owed;
        for (uint256 i = 0; i < ids.length; ++i) {
            QUIVerChannels.Channel memory it = channel(ids[i]);
            owed += it.deposit - it.settled;
        }
        eq(token.balanceOf(address(channels)), owed, "balance and what is owed");
    }

    function invariant_settled_is_within_the_deposit_and_closed_is_empty() public view {
        bytes32[] memory ids = handler.ids();
        for (uint256 i = 0; i < ids.length; ++i) {
            QUIVerChannels.Channel memory it = channel(ids[i]);
            isTrue(it.settled <= it.deposit, "settled within the deposit");
            isTrue(it.deposit != 0 || it.closableAt == 0, "nothing closes that is closed");
        }
    }

    function invariant_nothing_is_paid_that_was_not_signed() public view {
        bytes32[] memory ids = handler.ids();
        for (uint256 i = 0; i < ids.length; ++i) {
            uint256 last = channel(ids[i]).epoch;
            for (uint256 epoch = 1; epoch <= last; ++epoch) {
                isTrue(handler.paidIn(ids[i], epoch) <= handler.signedMost(ids[i], epoch), "paid within signed");
            }
            QUIVerChannels.Channel memory it = channel(ids[i]);
            if (it.deposit != 0) eq(it.settled, handler.paidIn(ids[i], last), "settled is what was paid");
        }
    }

    function invariant_no_voucher_pays_across_openings() public view {
        isTrue(!handler.stalePaid(), "an old voucher paid");
    }

    function invariant_settled_and_epoch_never_fall() public view {
        isTrue(!handler.wentBack(), "settled or epoch fell");
    }

    function invariant_what_came_in_is_there_or_went_out() public view {
        eq(
            handler.deposited(),
            handler.paidOut() + handler.refunded() + token.balanceOf(address(channels)),
            "deposits and payments"
        );
    }
}
