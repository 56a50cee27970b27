// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {QUIVerChannels} from "../src/QUIVerChannels.sol";
import {Overflow} from "../src/libraries/ChannelSlot.sol";
import {SettlementSetup} from "./support/SettlementSetup.sol";
import {Vm, vm} from "./support/Vm.sol";

contract ChannelsOpeningTest is SettlementSetup {
    function test_opens_in_one_slot() public {
        bytes32 id = channels.channelId(payer, payer, provider);
        vm.expectEmit(address(channels));
        emit QUIVerChannels.ChannelOpened(id, payer, provider, payer, 100 * QUIV, 1);
        eq(open(100 * QUIV), id, "id");
        QUIVerChannels.Channel memory it = channel(id);
        eq(it.deposit, 100 * QUIV, "deposit");
        eq(it.settled, 0, "settled");
        eq(it.closableAt, 0, "closableAt");
        eq(it.epoch, 1, "epoch");
        eq(token.balanceOf(address(channels)), 100 * QUIV, "balance");
    }

    function test_zero_signer_is_the_payer() public view {
        eq(channels.channelId(payer, address(0), provider), channels.channelId(payer, payer, provider), "id");
        eq(
            channels.channelId(payer, signer, provider),
            keccak256(abi.encode(payer, signer, provider)),
            "keccak of payer, signer, provider"
        );
    }

    function test_reverts_to_nobody() public {
        vm.prank(payer);
        vm.expectRevert(QUIVerChannels.ZeroAddress.selector);
        channels.openChannel(address(0), address(0), 1);
    }

    function test_reverts_of_nothing() public {
        vm.prank(payer);
        vm.expectRevert(QUIVerChannels.ZeroAmount.selector);
        channels.openChannel(provider, address(0), 0);
    }

    function test_reverts_twice() public {
        bytes32 id = open(QUIV);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.AlreadyOpen.selector, id));
        channels.openChannel(provider, payer, 1);
    }

    function test_reverts_without_allowance() public {
        vm.prank(payer);
        token.approve(address(channels), 0);
        vm.prank(payer);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientAllowance(address,uint256,uint256)")));
        channels.openChannel(provider, address(0), 1);
    }

    function test_constructor_wants_token_and_authority() public {
        vm.expectRevert(QUIVerChannels.ZeroAddress.selector);
        new QUIVerChannels(IERC20(address(0)), address(manager));
        vm.expectRevert(QUIVerChannels.ZeroAddress.selector);
        new QUIVerChannels(token, address(0));
    }

    function permit(uint256 amount, uint256 deadline) private view returns (uint8, bytes32, bytes32) {
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 structHash =
            keccak256(abi.encode(typehash, payer, address(channels), amount, token.nonces(payer), deadline));
        return vm.sign(
            PAYER_KEY, keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), structHash))
        );
    }

    function test_opens_with_permit() public {
        vm.prank(payer);
        token.approve(address(channels), 0);
        (uint8 v, bytes32 r, bytes32 s) = permit(QUIV, START);
        vm.prank(payer);
        bytes32 id = channels.openWithPermit(provider, signer, uint96(QUIV), START, v, r, s);
        eq(channel(id).deposit, QUIV, "deposit");
        eq(id, channels.channelId(payer, signer, provider), "id");
    }

    /// @dev Somebody who saw the permit in the mempool sends it first.
    function test_Bug15_a_permit_used_up_by_another_does_not_block_opening() public {
        vm.prank(payer);
        token.approve(address(channels), 0);
        (uint8 v, bytes32 r, bytes32 s) = permit(QUIV, START);
        vm.prank(stranger);
        token.permit(payer, address(channels), QUIV, START, v, r, s);
        vm.prank(payer);
        bytes32 id = channels.openWithPermit(provider, signer, uint96(QUIV), START, v, r, s);
        eq(channel(id).deposit, QUIV, "deposit");
    }

    function test_reverts_with_a_permit_that_gives_nothing() public {
        vm.prank(payer);
        token.approve(address(channels), 0);
        vm.prank(payer);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientAllowance(address,uint256,uint256)")));
        channels.openWithPermit(provider, signer, uint96(QUIV), START, 27, bytes32(0), bytes32(0));
    }

    function test_anyone_tops_up() public {
        bytes32 id = open(QUIV);
        vm.expectEmit(address(channels));
        emit QUIVerChannels.ChannelToppedUp(id, 3 * QUIV);
        vm.prank(other);
        channels.topUp(payer, address(0), provider, uint96(2 * QUIV));
        eq(channel(id).deposit, 3 * QUIV, "deposit");
        eq(token.balanceOf(other), 999_998 * QUIV, "the one who topped up paid");
    }

    function test_topUp_reverts_of_nothing() public {
        open(QUIV);
        vm.expectRevert(QUIVerChannels.ZeroAmount.selector);
        channels.topUp(payer, address(0), provider, 0);
    }

    function test_topUp_reverts_without_channel() public {
        bytes32 id = channels.channelId(payer, payer, provider);
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.NotOpen.selector, id));
        channels.topUp(payer, address(0), provider, 1);
    }

    function test_topUp_reverts_beyond_96_bits() public {
        open(QUIV);
        vm.prank(payer);
        vm.expectRevert(Overflow.selector);
        channels.topUp(payer, address(0), provider, type(uint96).max);
    }

    function test_topUp_by_the_payer_cancels_a_closing() public {
        bytes32 id = open(QUIV);
        vm.prank(payer);
        channels.startClose(address(0), provider);
        vm.expectEmit(address(channels));
        emit QUIVerChannels.CloseCancelled(id);
        vm.prank(payer);
        channels.topUp(payer, address(0), provider, 1);
        eq(channel(id).closableAt, 0, "closableAt");
        eq(channel(id).epoch, 1, "epoch");
    }

    function test_pausing_blocks_deposits_only() public {
        bytes32 id = open(QUIV);
        Signed memory first = voucher(1, QUIV / 4);
        Signed memory second = voucher(2, QUIV / 2);
        vm.prank(guardian);
        channels.pause();
        vm.prank(payer);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        channels.openChannel(provider, signer, 1);
        vm.prank(payer);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        channels.openWithPermit(provider, signer, 1, 0, 27, 0, 0);
        vm.prank(payer);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        channels.topUp(payer, address(0), provider, 1);
        redeem(first);
        channels.redeemBatch(provider, pack(second));
        vm.prank(payer);
        channels.startClose(address(0), provider);
        vm.warp(START + DAY);
        channels.finalizeClose(payer, address(0), provider);
        eq(channel(id).deposit, 0, "closed");
    }

    function test_only_roles_pause_and_unpause() public {
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        channels.pause();
        vm.prank(guardian);
        channels.pause();
        isTrue(channels.paused(), "paused");
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, guardian));
        channels.unpause();
        channels.unpause();
        isTrue(!channels.paused(), "unpaused");
        open(QUIV);
    }
}

contract ChannelsRedeemingTest is SettlementSetup {
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        id = open(100 * QUIV);
    }

    function paid() private view returns (uint256) {
        return token.balanceOf(provider) - 1_000_000 * QUIV;
    }

    function test_pays_what_a_voucher_adds_whoever_sends_it() public {
        Signed memory first = voucher(1, 10 * QUIV);
        vm.expectEmit(address(channels));
        emit QUIVerChannels.VoucherRedeemed(id, 10 * QUIV, 10 * QUIV);
        vm.prank(stranger);
        redeem(first);
        eq(paid(), 10 * QUIV, "first");
        redeem(voucher(9, 25 * QUIV));
        eq(paid(), 25 * QUIV, "second");
        eq(channel(id).settled, 25 * QUIV, "settled");
        eq(token.balanceOf(stranger), 0, "the sender has nothing");
    }

    function test_signer_zero_is_the_payer() public {
        Signed memory signed = voucher(1, QUIV);
        signed.signer = address(0);
        redeem(signed);
        eq(paid(), QUIV, "paid");
    }

    function test_a_signer_of_its_own() public {
        bytes32 own = openTo(PAYER_KEY, provider, signer, 5 * QUIV);
        redeem(voucherBy(PAYER_KEY, SIGNER_KEY, provider, 1, 2 * QUIV));
        eq(channel(own).settled, 2 * QUIV, "settled");
        eq(channel(id).settled, 0, "the other channel is untouched");
        Signed memory byPayer = voucherBy(PAYER_KEY, SIGNER_KEY, provider, 2, 3 * QUIV);
        (byPayer.r, byPayer.vs) = compact(PAYER_KEY, channels.voucherDigest(own, 1, 2, uint128(3 * QUIV)));
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        redeem(byPayer);
    }

    function test_pays_the_deposit_of_a_voucher_above_it_and_the_rest_after_a_topUp() public {
        Signed memory signed = voucher(1, 150 * QUIV);
        redeem(signed);
        eq(paid(), 100 * QUIV, "deposit");
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        redeem(signed);
        vm.prank(payer);
        channels.topUp(payer, address(0), provider, uint96(60 * QUIV));
        redeem(signed);
        eq(paid(), 150 * QUIV, "rest");
    }

    function test_batch_pays_once_and_skips_what_pays_nothing() public {
        bytes32 own = openTo(PAYER_KEY, provider, signer, 5 * QUIV);
        bytes32 third = openTo(OTHER_KEY, provider, address(0), 7 * QUIV);
        Signed memory stale = voucher(1, 0);
        Signed memory forged = voucherBy(PAYER_KEY, SIGNER_KEY, provider, 1, 4 * QUIV);
        forged.nonce = 2;
        bytes memory items = abi.encodePacked(
            pack(voucher(1, 3 * QUIV)),
            pack(stale),
            pack(forged),
            pack(voucherBy(PAYER_KEY, SIGNER_KEY, provider, 3, 2 * QUIV)),
            pack(voucherBy(OTHER_KEY, OTHER_KEY, provider, 0xffffff, 9 * QUIV))
        );
        vm.recordLogs();
        eq(channels.redeemBatch(provider, items), 12 * QUIV, "amount");
        uint256 skipped;
        bytes32 skip = keccak256("VoucherSkipped(bytes32)");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == skip) ++skipped;
        }
        eq(skipped, 2, "skipped");
        eq(paid(), 12 * QUIV, "paid");
        eq(channel(id).settled, 3 * QUIV, "first");
        eq(channel(own).settled, 2 * QUIV, "second");
        eq(channel(third).settled, 7 * QUIV, "third, at most its deposit");
    }

    function test_batch_pays_the_growth_of_one_channel_twice() public {
        bytes memory items = abi.encodePacked(pack(voucher(1, QUIV)), pack(voucher(2, 3 * QUIV)));
        eq(channels.redeemBatch(provider, items), 3 * QUIV, "amount");
    }

    function test_batch_reverts_when_all_pays_nothing() public {
        bytes memory item = pack(voucher(1, QUIV));
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        channels.redeemBatch(provider, "");
        channels.redeemBatch(provider, item);
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        channels.redeemBatch(provider, item);
    }

    function test_batch_reverts_on_cut_items() public {
        bytes memory item = pack(voucher(1, QUIV));
        bytes memory cut = new bytes(98);
        for (uint256 i = 0; i < 98; ++i) cut[i] = item[i];
        vm.expectRevert(QUIVerChannels.MalformedItems.selector);
        channels.redeemBatch(provider, cut);
        vm.expectRevert(QUIVerChannels.MalformedItems.selector);
        channels.redeemBatch(provider, bytes.concat(item, hex"00"));
        openTo(PAYER_KEY, provider, signer, QUIV);
        bytes memory long = pack(voucherBy(PAYER_KEY, SIGNER_KEY, provider, 1, QUIV));
        eq(long.length, 119, "length with a signer");
        bytes memory cutSigner = new bytes(118);
        for (uint256 i = 0; i < 118; ++i) cutSigner[i] = long[i];
        vm.expectRevert(QUIVerChannels.MalformedItems.selector);
        channels.redeemBatch(provider, cutSigner);
    }

    // Mandates

    function test_collects_for_providers_that_gave_a_mandate() public {
        bytes32 third = openTo(PAYER_KEY, other, address(0), 7 * QUIV);
        address collector = address(0xC0);
        vm.expectEmit(address(channels));
        emit QUIVerChannels.MandateSet(provider, collector, aggregator);
        vm.prank(provider);
        channels.setMandate(collector, aggregator);
        vm.prank(other);
        channels.setMandate(collector, aggregator);
        (address[] memory providers, bytes[] memory items) = (new address[](2), new bytes[](2));
        (providers[0], providers[1]) = (provider, other);
        items[0] = pack(voucher(1, 3 * QUIV));
        items[1] = pack(voucherBy(PAYER_KEY, PAYER_KEY, other, 1, 4 * QUIV));
        vm.prank(collector);
        eq(channels.collect(aggregator, providers, items), 7 * QUIV, "amount");
        eq(token.balanceOf(collector), 7 * QUIV, "collector");
        eq(channel(third).settled, 4 * QUIV, "settled");
        eq(paid(), 0, "provider");
        vm.prank(collector);
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        channels.collect(aggregator, providers, items);
    }

    function one(Signed memory signed) private view returns (address[] memory providers, bytes[] memory items) {
        (providers, items) = (new address[](1), new bytes[](1));
        (providers[0], items[0]) = (provider, pack(signed));
    }

    /// @dev Without a mandate a provider is passed over and not refused: it could withdraw it to stop others' money.
    function expectNothing(address sender, address agent) private {
        (address[] memory providers, bytes[] memory items) = one(voucher(1, QUIV));
        vm.prank(sender);
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        channels.collect(agent, providers, items);
    }

    /// @dev A payer, or anybody, names itself the collector.
    function test_Bug06_nobody_collects_without_the_providers_mandate() public {
        address collector = address(0xC0);
        expectNothing(payer, payer);
        vm.prank(payer);
        channels.setMandate(payer, payer);
        expectNothing(payer, payer);
        vm.prank(provider);
        channels.setMandate(collector, aggregator);
        expectNothing(collector, stranger);
        expectNothing(aggregator, aggregator);
        expectNothing(stranger, aggregator);
        vm.prank(provider);
        channels.setMandate(address(0), address(0));
        eq(channels.mandateOf(provider), bytes32(0), "withdrawn");
        expectNothing(collector, aggregator);
        expectNothing(address(0), address(0));
    }

    function test_Bug06_a_voucher_pays_only_the_provider_it_names() public {
        bytes memory item = pack(voucher(1, QUIV));
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        channels.redeemBatch(other, item);
        Signed memory signed = voucher(1, QUIV);
        signed.provider = other;
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        redeem(signed);
    }

    function test_collect_reverts_on_lists_of_different_lengths() public {
        vm.expectRevert(QUIVerChannels.MalformedItems.selector);
        channels.collect(aggregator, new address[](1), new bytes[](2));
    }

    function mandate(uint64 nonce, uint64 deadline) private view returns (bytes32 r, bytes32 vs) {
        return compact(
            PROVIDER_KEY, channels.mandateDigest(provider, address(settlement), aggregator, nonce, deadline)
        );
    }

    function test_a_mandate_by_signature_needs_no_gas_of_the_provider() public {
        (bytes32 r, bytes32 vs) = mandate(0, uint64(START));
        channels.setMandateBySignature(provider, address(settlement), aggregator, uint64(START), r, vs);
        eq(channels.mandateOf(provider), keccak256(abi.encode(address(settlement), aggregator)), "mandate");
        eq(channels.nonces(provider), 1, "nonce");
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        channels.setMandateBySignature(provider, address(settlement), aggregator, uint64(START), r, vs);
    }

    function test_a_mandate_is_void_after_its_deadline_or_a_later_one() public {
        (bytes32 r, bytes32 vs) = mandate(0, uint64(START - 1));
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.Expired.selector, START - 1));
        channels.setMandateBySignature(provider, address(settlement), aggregator, uint64(START - 1), r, vs);
        (r, vs) = mandate(0, uint64(START));
        vm.prank(provider);
        channels.setMandate(address(0), address(0));
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        channels.setMandateBySignature(provider, address(settlement), aggregator, uint64(START), r, vs);
    }

    // Bug classes

    function test_Bug03_a_voucher_pays_once() public {
        Signed memory signed = voucher(1, 10 * QUIV);
        redeem(signed);
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        redeem(signed);
        signed.nonce = 2;
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        redeem(signed);
    }

    /// @dev A signer has no channel of its own: what was paid is counted by payer, signer and provider together.
    function test_Bug03_another_payer_with_the_same_signer_is_another_channel() public {
        openTo(PAYER_KEY, provider, signer, 5 * QUIV);
        openTo(OTHER_KEY, provider, signer, 5 * QUIV);
        Signed memory signed = voucherBy(PAYER_KEY, SIGNER_KEY, provider, 1, 5 * QUIV);
        redeem(signed);
        signed.payer = other;
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        redeem(signed);
    }

    function test_Bug05_every_field_of_a_voucher_is_signed() public {
        openTo(PAYER_KEY, provider, signer, 5 * QUIV);
        openTo(OTHER_KEY, provider, payer, 5 * QUIV);
        openTo(PAYER_KEY, other, payer, 5 * QUIV);
        Signed memory good = voucher(7, QUIV);
        for (uint256 field = 0; field < 7; ++field) {
            Signed memory bad = voucher(7, QUIV);
            if (field == 0) bad.payer = other;
            if (field == 1) bad.signer = signer;
            if (field == 2) bad.provider = other;
            if (field == 3) bad.nonce = 8;
            if (field == 4) bad.balance += 1;
            if (field == 5) bad.r ^= bytes32(uint256(1));
            if (field == 6) bad.vs ^= bytes32(uint256(1) << 255);
            vm.expectRevert(QUIVerChannels.BadSignature.selector);
            redeem(bad);
        }
        redeem(good);
    }

    function test_Bug07_a_voucher_of_another_chain_or_contract_pays_nothing() public {
        Signed memory signed = voucher(1, QUIV);
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        redeem(signed);
        Signed memory there = voucher(1, QUIV);
        redeem(there);
        there = voucher(2, 2 * QUIV);
        vm.chainId(here);
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        redeem(there);
        QUIVerChannels twin = new QUIVerChannels(token, address(manager));
        vm.prank(payer);
        token.approve(address(twin), QUIV);
        vm.prank(payer);
        twin.openChannel(provider, address(0), uint96(QUIV));
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        twin.redeem(payer, address(0), provider, signed.nonce, signed.balance, signed.r, signed.vs);
    }

    /// @dev The same signature with n - s and the other parity recovers the same key; the contract takes one of them.
    function test_Bug08_high_s_is_refused() public {
        Signed memory signed = voucher(1, QUIV);
        Signed memory malleable = voucher(1, QUIV);
        // ERC-2098 keeps the bit that nearly every s of the upper half needs for the parity of v.
        malleable.vs = bytes32(CURVE_ORDER - (uint256(signed.vs) << 1 >> 1));
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        redeem(malleable);
        malleable.vs = bytes32(CURVE_ORDER / 2 + 1);
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        redeem(malleable);
        redeem(signed);
    }

    function test_Bug08_a_failed_recovery_is_not_the_zero_signer() public {
        Signed memory signed = voucher(1, QUIV);
        (signed.r, signed.vs) = (bytes32(0), bytes32(0));
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        redeem(signed);
    }

    /// @dev EIP-7702: the payer's account now runs code that says of every signature that it is invalid.
    function test_Bug09_code_in_the_payers_account_does_not_void_vouchers() public {
        Signed memory signed = voucher(1, QUIV);
        SaysNo refusing = new SaysNo();
        vm.etch(payer, abi.encodePacked(hex"ef0100", address(refusing)));
        redeem(signed);
        eq(paid(), QUIV, "paid");
        vm.etch(payer, address(refusing).code);
        redeem(voucher(2, 2 * QUIV));
        eq(paid(), 2 * QUIV, "paid");
    }

    /// @dev Nor does code that says yes to everything let anybody else sign.
    function test_Bug09_code_in_the_signers_account_does_not_sign() public {
        vm.etch(payer, address(new SaysYes()).code);
        Signed memory signed = voucher(1, QUIV);
        (signed.r, signed.vs) = compact(OTHER_KEY, channels.voucherDigest(id, 1, 1, uint128(QUIV)));
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        redeem(signed);
    }

    function testFuzz_pays_the_least_of_signed_and_deposited(uint96 deposit, uint128 first, uint128 second) public {
        deposit = uint96(between(deposit, 1, 1000 * QUIV));
        first = uint128(between(first, 1, 2000 * QUIV));
        second = uint128(between(second, 1, 2000 * QUIV));
        bytes32 own = openTo(PAYER_KEY, provider, signer, deposit);
        redeem(voucherBy(PAYER_KEY, SIGNER_KEY, provider, 1, first));
        uint256 limit = first < deposit ? first : deposit;
        eq(paid(), limit, "first");
        Signed memory next = voucherBy(PAYER_KEY, SIGNER_KEY, provider, 2, second);
        uint256 nextLimit = second < deposit ? second : deposit;
        if (nextLimit <= limit) {
            vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
            redeem(next);
        } else {
            channels.redeemBatch(provider, pack(next));
            limit = nextLimit;
        }
        eq(paid(), limit, "second");
        eq(channel(own).settled, limit, "settled");
        eq(token.balanceOf(address(channels)), 100 * QUIV + deposit - limit, "what is left");
    }

    function testFuzz_no_bytes_pay_without_a_signature(bytes calldata items) public {
        try channels.redeemBatch(provider, items) {
            isTrue(false, "random bytes paid");
        } catch {}
    }
}

contract ChannelsClosingTest is SettlementSetup {
    bytes32 private id;

    function setUp() public override {
        super.setUp();
        id = open(100 * QUIV);
    }

    function startClose() private {
        vm.prank(payer);
        channels.startClose(address(0), provider);
    }

    function finalize() private {
        channels.finalizeClose(payer, address(0), provider);
    }

    function test_closes_after_a_day() public {
        vm.expectEmit(address(channels));
        emit QUIVerChannels.CloseStarted(id, START + DAY);
        startClose();
        eq(channel(id).closableAt, START + DAY, "closableAt");
        vm.warp(START + DAY - 1);
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.TooEarly.selector, START + DAY));
        finalize();
        vm.warp(START + DAY);
        vm.expectEmit(address(channels));
        emit QUIVerChannels.ChannelClosed(id, 0, 100 * QUIV);
        vm.prank(stranger);
        finalize();
        eq(token.balanceOf(payer), 1_000_000 * QUIV, "payer has all");
        eq(channel(id).epoch, 1, "the epoch stays");
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.NotClosing.selector, id));
        finalize();
    }

    function test_closing_an_empty_channel_moves_nothing() public {
        redeem(voucher(1, 100 * QUIV));
        startClose();
        vm.warp(START + DAY);
        finalize();
        eq(channel(id).deposit, 0, "closed");
        eq(token.balanceOf(address(channels)), 0, "nothing left");
    }

    function test_only_the_payer_starts_and_cancels() public {
        for (uint256 i = 0; i < 2; ++i) {
            address sender = i == 0 ? provider : stranger;
            bytes32 theirs = channels.channelId(sender, payer, provider);
            vm.prank(sender);
            vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.NotOpen.selector, theirs));
            channels.startClose(payer, provider);
        }
        startClose();
        bytes32 other_ = channels.channelId(stranger, payer, provider);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.NotClosing.selector, other_));
        channels.cancelClose(payer, provider);
        vm.expectEmit(address(channels));
        emit QUIVerChannels.CloseCancelled(id);
        vm.prank(payer);
        channels.cancelClose(address(0), provider);
        eq(channel(id).closableAt, 0, "open again");
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.NotClosing.selector, id));
        finalize();
    }

    function test_the_provider_closes_with_its_last_voucher() public {
        Signed memory last = voucher(5, 30 * QUIV);
        vm.expectEmit(address(channels));
        emit QUIVerChannels.VoucherRedeemed(id, 30 * QUIV, 30 * QUIV);
        vm.expectEmit(address(channels));
        emit QUIVerChannels.ChannelClosed(id, 30 * QUIV, 70 * QUIV);
        vm.prank(provider);
        channels.closeByProvider(payer, address(0), last.nonce, last.balance, last.r, last.vs);
        eq(token.balanceOf(provider), 1_000_030 * QUIV, "provider");
        eq(token.balanceOf(payer), 999_970 * QUIV, "payer");
        eq(channel(id).deposit, 0, "closed");
    }

    function test_the_provider_gives_all_back_without_a_voucher() public {
        redeem(voucher(1, QUIV));
        vm.prank(provider);
        channels.closeByProvider(payer, payer, 0, 0, 0, 0);
        eq(token.balanceOf(payer), 999_999 * QUIV, "payer");
    }

    function test_closeByProvider_reverts_on_a_false_voucher() public {
        Signed memory last = voucher(5, 30 * QUIV);
        vm.prank(provider);
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        channels.closeByProvider(payer, address(0), last.nonce, last.balance + 1, last.r, last.vs);
    }

    function test_closeByProvider_is_the_providers_alone() public {
        bytes32 theirs = channels.channelId(payer, payer, stranger);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.NotOpen.selector, theirs));
        channels.closeByProvider(payer, address(0), 0, 0, 0, 0);
    }

    function agree(uint256 balance, uint32 epoch) private view returns (bytes32[2] memory one, bytes32[2] memory two) {
        bytes32 digest = channels.closeDigest(id, epoch, uint128(balance));
        (one[0], one[1]) = compact(PAYER_KEY, digest);
        (two[0], two[1]) = compact(PROVIDER_KEY, digest);
    }

    function test_closes_at_once_when_both_sign() public {
        redeem(voucher(1, 5 * QUIV));
        (bytes32[2] memory one, bytes32[2] memory two) = agree(40 * QUIV, 1);
        vm.prank(stranger);
        channels.closeByAgreement(payer, address(0), provider, uint128(40 * QUIV), one, two);
        eq(token.balanceOf(provider), 1_000_040 * QUIV, "provider");
        eq(token.balanceOf(payer), 999_960 * QUIV, "payer");
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.NotOpen.selector, id));
        channels.closeByAgreement(payer, address(0), provider, uint128(40 * QUIV), one, two);
    }

    function test_closes_at_what_is_settled_when_both_sign() public {
        openTo(PAYER_KEY, provider, signer, QUIV);
        bytes32 own = channels.channelId(payer, signer, provider);
        redeem(voucherBy(PAYER_KEY, SIGNER_KEY, provider, 1, QUIV));
        bytes32 digest = channels.closeDigest(own, 1, uint128(QUIV));
        (bytes32[2] memory one, bytes32[2] memory two) = agree(0, 1);
        (one[0], one[1]) = compact(SIGNER_KEY, digest);
        (two[0], two[1]) = compact(PROVIDER_KEY, digest);
        channels.closeByAgreement(payer, signer, provider, uint128(QUIV), one, two);
        eq(channel(own).deposit, 0, "closed");
    }

    function test_closeByAgreement_reverts_without_both() public {
        (bytes32[2] memory one, bytes32[2] memory two) = agree(40 * QUIV, 1);
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        channels.closeByAgreement(payer, address(0), provider, uint128(40 * QUIV), one, one);
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        channels.closeByAgreement(payer, address(0), provider, uint128(40 * QUIV), two, two);
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        channels.closeByAgreement(payer, address(0), provider, uint128(41 * QUIV), one, two);
        (one, two) = agree(40 * QUIV, 2);
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        channels.closeByAgreement(payer, address(0), provider, uint128(40 * QUIV), one, two);
    }

    function test_closeByAgreement_reverts_outside_settled_and_deposit() public {
        redeem(voucher(1, 5 * QUIV));
        (bytes32[2] memory one, bytes32[2] memory two) = agree(4 * QUIV, 1);
        bytes memory expected =
            abi.encodeWithSelector(QUIVerChannels.BalanceOutOfRange.selector, 5 * QUIV, 100 * QUIV);
        vm.expectRevert(expected);
        channels.closeByAgreement(payer, address(0), provider, uint128(4 * QUIV), one, two);
        (one, two) = agree(101 * QUIV, 1);
        vm.expectRevert(expected);
        channels.closeByAgreement(payer, address(0), provider, uint128(101 * QUIV), one, two);
    }

    // Bug classes

    function test_Bug03_no_voucher_outlives_a_close_and_a_reopening() public {
        Signed memory old = voucher(1, 30 * QUIV);
        redeem(old);
        startClose();
        vm.warp(START + DAY);
        finalize();
        vm.expectRevert(QUIVerChannels.NothingToRedeem.selector);
        redeem(old);
        eq(open(100 * QUIV), id, "the same channel");
        eq(channel(id).epoch, 2, "another epoch");
        vm.expectRevert(QUIVerChannels.BadSignature.selector);
        redeem(old);
        redeem(voucher(1, 30 * QUIV));
        eq(token.balanceOf(provider), 1_000_060 * QUIV, "30 of each opening");
    }

    function test_Bug10_a_newer_voucher_wins_until_the_very_end() public {
        redeem(voucher(1, QUIV));
        startClose();
        redeem(voucher(2, 10 * QUIV));
        vm.warp(START + 2 * DAY);
        redeem(voucher(3, 60 * QUIV));
        finalize();
        eq(token.balanceOf(provider), 1_000_060 * QUIV, "provider");
        eq(token.balanceOf(payer), 999_940 * QUIV, "payer");
    }

    function test_Bug10_a_second_start_does_not_move_the_end() public {
        startClose();
        vm.warp(START + DAY / 2);
        vm.prank(payer);
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.AlreadyClosing.selector, START + DAY));
        channels.startClose(address(0), provider);
    }

    /// @dev Else anybody could hold a payer's money for ever with one base unit a day.
    function test_Bug10_nobody_but_the_payer_tops_up_while_closing() public {
        startClose();
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(i == 0 ? other : provider);
            vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.NotPayer.selector, payer));
            channels.topUp(payer, address(0), provider, 1);
        }
        eq(channel(id).closableAt, START + DAY, "still closing");
    }

    function test_Bug10_closing_again_takes_another_day() public {
        startClose();
        vm.warp(START + DAY);
        vm.prank(payer);
        channels.topUp(payer, address(0), provider, 1);
        startClose();
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.TooEarly.selector, START + 2 * DAY));
        finalize();
    }

    function test_Bug10_an_opening_starts_without_the_last_ones_closing() public {
        startClose();
        vm.prank(provider);
        channels.closeByProvider(payer, address(0), 0, 0, 0, 0);
        open(QUIV);
        eq(channel(id).closableAt, 0, "closableAt");
        eq(channel(id).settled, 0, "settled");
        vm.warp(START + DAY);
        vm.expectRevert(abi.encodeWithSelector(QUIVerChannels.NotClosing.selector, id));
        finalize();
    }

    function testFuzz_a_close_divides_the_deposit(uint128 signed, uint32 wait) public {
        signed = uint128(between(signed, 1, 200 * QUIV));
        uint256 due = signed < 100 * QUIV ? signed : 100 * QUIV;
        startClose();
        vm.warp(START + between(wait, DAY, 1000 * DAY));
        redeem(voucher(1, signed));
        finalize();
        eq(token.balanceOf(provider), 1_000_000 * QUIV + due, "provider");
        eq(token.balanceOf(payer), 1_000_000 * QUIV - due, "payer");
    }
}

contract SaysNo {
    fallback() external {
        assembly {
            mstore(0, 0xffffffff)
            return(0, 0x20)
        }
    }
}

contract SaysYes {
    function isValidSignature(bytes32, bytes calldata) external pure returns (bytes4) {
        return this.isValidSignature.selector;
    }
}
